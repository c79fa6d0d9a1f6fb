package boltstore

import (
	"errors"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// JournalPath is where the journal of a history is.
func JournalPath(history string) string { return journalPath(history) }

// Path is where the store takes its file to be.
func (s *Store) Path() string { return s.db.Path() }

// alone calls f while nothing else writes.
func (s *Store) alone(f func(*bolt.Tx) error) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	return errors.Join(guard(func() error { return f(tx) }), tx.Rollback())
}

// Limit has a file that needs to grow over so many bytes be a full disk; 0 for
// none.
func (s *Store) Limit(bytes int) {
	_ = s.alone(func(*bolt.Tx) error {
		s.db.MaxSize = bytes
		return nil
	})
}

// Counts checks the file, and returns how many keys there are in each bucket.
func (s *Store) Counts() (map[string]int, error) {
	counts := make(map[string]int)
	err := s.alone(func(tx *bolt.Tx) error {
		for _, name := range slices.DeleteFunc(buckets(), func(name string) bool { return name == bucketMain }) {
			if n := bucket(tx, name).Stats().KeyN; n > 0 {
				counts[name] = n
			}
		}
		info, err := s.file.Stat()
		if err != nil {
			return err
		}
		if err := checkPages(s.file, info.Size()); err != nil {
			return err
		}
		return verify(tx)
	})
	return counts, err
}

// Entries returns how many entries there are in the file.
func (s *Store) Entries() (n int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		n = bucket(tx, bucketEntries).Stats().KeyN
		return nil
	})
	return n, err
}

// OpenAt is Open by a clock.
func OpenAt(path string, cfg Config, now func() time.Time) (*Store, error) {
	return openAt(path, cfg, now)
}
