package boltstore

import (
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Open opens the history in a file, and makes the file if there is none. The
// folder must be there. Close the store in the end; a hub that it was given to
// does.
//
// The errors wrap [ErrLocked], [ErrForeign] or [ErrDamaged] where one of them is
// the reason, and the file system's otherwise. A file that is not this package's
// is not changed. Open panics if a pattern of the retention is malformed.
func Open(path string, cfg Config) (*Store, error) {
	s := &Store{
		cfg:      cfg.withDefaults(),
		requests: make(chan *request),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := s.open(path); err != nil {
		return nil, fmt.Errorf("tidings: opening %s: %w", path, err)
	}
	s.writer.aging = time.NewTimer(time.Hour)
	s.writer.aging.Stop()
	s.writer.more = true // the retention may be another one
	go s.run()
	return s, nil
}

// open opens the file, and reads what has to be known of it.
func (s *Store) open(path string) error {
	err := guard(func() (err error) {
		s.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:      s.cfg.LockWait,
			FreelistType: bolt.FreelistMapType,
			NoStatistics: true,
			// Kept, as a panic of bbolt's leaves it open otherwise.
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				file, bad := os.OpenFile(name, flag, mode) //nolint:gosec // It is the caller's path.
				s.file = file
				return file, bad
			},
		})
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, ErrDamaged):
		return errors.Join(err, s.file.Close())
	case err != nil:
		return err
	}
	if err := guard(s.load); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// load reads what has to be known of the file, and prepares one that is new.
func (s *Store) load() error {
	empty := true
	err := s.db.View(func(tx *bolt.Tx) error {
		empty = isEmpty(tx)
		return nil
	})
	if err != nil {
		return err
	}
	if empty {
		if err := s.db.Update(initialise); err != nil {
			return err
		}
	}
	return s.db.View(func(tx *bolt.Tx) error {
		main := bucket(tx, bucketMain)
		if main == nil || string(main.Get([]byte(keyFormat))) != format {
			return ErrForeign
		}
		return s.learn(tx)
	})
}

func isEmpty(tx *bolt.Tx) bool {
	k, _ := tx.Cursor().First()
	return k == nil
}

// initialise makes an empty file one of this package's.
func initialise(tx *bolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	main := bucket(tx, bucketMain)
	if err := main.Put([]byte(keyFormat), []byte(format)); err != nil {
		return err
	}
	if err := main.Put([]byte(keyEpochs), epochs(nil).begin(0).encode()); err != nil {
		return err
	}
	return main.Put([]byte(keyState), state{}.encode())
}

// learn reads what has to be known of a file of this package's.
func (s *Store) learn(tx *bolt.Tx) error {
	for _, name := range buckets() {
		if bucket(tx, name) == nil {
			return damage("bucket %q is missing", name)
		}
	}
	w := &s.writer
	main := bucket(tx, bucketMain)
	var err error
	if w.state, err = decodeState(main.Get([]byte(keyState))); err != nil {
		return damage("state: %v", err)
	}
	if s.epochs, err = decodeEpochs(main.Get([]byte(keyEpochs))); err != nil {
		return damage("epochs: %v", err)
	}
	w.known = make(map[string]*channel)
	err = bucket(tx, bucketChannels).ForEach(func(name, value []byte) error {
		ch, bad := decodeChannel(value)
		if bad != nil {
			return damage("channel %q: %v", name, bad)
		}
		w.known[string(name)] = &ch
		w.bytes += ch.bytes + channelCost + uint64(len(name))
		return nil
	})
	if err != nil {
		return err
	}
	err = bucket(tx, bucketTombs).ForEach(func(_, _ []byte) error { w.tombs++; return nil })
	if err != nil {
		return err
	}
	first, _ := bucket(tx, bucketSwept).Cursor().First()
	w.swept = first != nil
	return nil
}
