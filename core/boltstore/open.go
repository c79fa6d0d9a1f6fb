package boltstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// Open opens the history in a file, and creates the file if there is none. The
// folder must exist. Close the store after use; a hub closes the store that it
// was given.
//
// The errors wrap [ErrLocked], [ErrForeign] or [ErrDamaged] where one of them
// is the reason, and the file system's error otherwise. A file of another
// application is not changed. Open panics if a pattern of the retention is
// malformed, or if Sync is none of the constants.
func Open(path string, cfg Config) (*Store, error) { return openAt(path, cfg, time.Now) }

// openAt is Open with a clock.
func openAt(path string, cfg Config, now func() time.Time) (*Store, error) {
	s := &Store{
		cfg:      cfg.withDefaults(),
		now:      now,
		requests: make(chan *request),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	path = strings.Clone(path)
	if err := s.open(path); err != nil {
		return nil, fmt.Errorf("tidings: opening %s: %w", path, err)
	}
	go s.run()
	return s, nil
}

// open opens the file, and prepares the state of the store's goroutine.
func (s *Store) open(path string) error {
	missing, err := s.recognise(path)
	if err != nil {
		return err
	}
	if err = s.openFile(path, false); err != nil {
		return reason(path, err)
	}
	err = guard(s.load)
	if err == nil && missing {
		err = syncFolder(path)
	}
	if err == nil {
		err = s.start(path)
	}
	if err != nil {
		return errors.Join(err, s.closeFile())
	}
	return nil
}

// openFile opens the file with bbolt.
func (s *Store) openFile(path string, readOnly bool) error {
	s.db, s.file = nil, nil
	err := guard(func() (err error) {
		s.db, err = bolt.Open(path, 0o600, &bolt.Options{
			ReadOnly:     readOnly,
			Timeout:      s.cfg.LockWait,
			FreelistType: bolt.FreelistMapType, // the array's is slow when there are many free pages
			NoStatistics: true,
			// The file is kept because a panic in bbolt leaves it open.
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				file, bad := os.OpenFile(name, flag, mode) //nolint:gosec // It is the caller's path.
				s.file = file
				return file, bad
			},
		})
		return err
	})
	if errors.Is(err, ErrDamaged) && s.file != nil { // it panicked
		return errors.Join(err, release(s.file))
	}
	return err
}

// syncFolder makes a new file's entry in its folder survive a power loss. Where
// folders cannot be synced, that is not needed.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// load reads the state of the file. It initialises an empty file.
func (s *Store) load() error {
	empty := false
	err := s.db.View(func(tx *bolt.Tx) error {
		empty = isEmpty(tx)
		return nil
	})
	if err == nil && empty {
		err = s.update(initialise)
	}
	if err != nil {
		return err
	}
	return s.db.View(s.readState)
}

func isEmpty(tx *bolt.Tx) bool {
	k, _ := tx.Cursor().First()
	return k == nil
}

// initialise writes the buckets and the first state to an empty file.
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
	if err := main.Put([]byte(keyEpochs), encodeEpochs(history.Epochs(nil).Begin(0))); err != nil {
		return err
	}
	return main.Put([]byte(keyState), new(state).encode())
}

// readState reads the state of an initialised file.
func (s *Store) readState(tx *bolt.Tx) (err error) {
	w, main := &s.writer, bucket(tx, bucketMain)
	if w.state, err = decodeState(main.Get([]byte(keyState))); err != nil {
		return err
	}
	if s.epochs, err = decodeEpochs(main.Get([]byte(keyEpochs))); err != nil {
		return err
	}
	w.known = make(map[string]*channel)
	err = bucket(tx, bucketChannels).ForEach(func(name, value []byte) error {
		ch, bad := decodeChannel(name, value)
		if bad != nil {
			return bad
		}
		w.clock.trustChannel(ch)
		w.clock.take(ch.newestAt)
		w.known[string(name)] = ch
		w.bytes += ch.bytes + channelCost(string(name))
		return nil
	})
	if err != nil {
		return err
	}
	err = bucket(tx, bucketTombs).ForEach(func(_, _ []byte) error { w.tombs++; return nil })
	if err != nil {
		return err
	}
	return bucket(tx, bucketSwept).ForEach(func(number, value []byte) error {
		var left uint64
		if bad := decode(value, &left); bad != nil {
			return damage("rest of channel %x: %v", number, bad)
		}
		w.swept = true
		w.unswept += left
		return nil
	})
}

// start commits what the previous store left in its journal, and begins a new
// epoch if that store may have lost events that it delivered.
func (s *Store) start(path string) error {
	w := &s.writer
	w.aging, w.pending.due = stopped(), stopped()
	j := &w.pending.journal
	j.path = journalPath(path)
	batches, err := replay(j.path, s.epochs.Newest(w.head))
	if err != nil {
		return err
	}
	for _, t := range batches {
		w.pending.batches = append(w.pending.batches, t)
		w.pending.records += uint64(len(t.records))
	}
	known := s.epochs
	err = s.transact(func(c *change) error {
		if w.unclean != 0 {
			known, c.dirty = known.Begin(c.head), true
			if bad := c.main.Put([]byte(keyEpochs), encodeEpochs(known)); bad != nil {
				return bad
			}
		}
		if c.unclean = 0; s.cfg.Sync == SyncInterval {
			c.unclean = 1
		}
		return c.maintain() // the retention may have changed, and time has passed
	})
	if err != nil {
		return err
	}
	s.epochs = known
	s.ageNext(s.now())
	if s.cfg.Sync == SyncAlways {
		return j.remove()
	}
	return j.create()
}

// stopped returns a timer that does not run.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
