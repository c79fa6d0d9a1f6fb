package boltstore

import (
	"errors"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// JournalPath returns the path of the journal of a history.
func JournalPath(history string) string { return journalPath(history) }

// Path returns the path of the file.
func (s *Store) Path() string { return s.db.Path() }

// alone calls f with a transaction while there is no other write transaction.
func (s *Store) alone(f func(*bolt.Tx) error) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	return errors.Join(guard(func() error { return f(tx) }), tx.Rollback())
}

// Limit makes the file fail to grow above a number of bytes, as on a full disk.
// 0 is no limit.
func (s *Store) Limit(bytes int) {
	_ = s.alone(func(*bolt.Tx) error {
		s.db.MaxSize = bytes
		return nil
	})
}

// Counts checks the file, and returns the number of keys in each bucket that has
// any.
func (s *Store) Counts() (map[string]int, error) {
	counts := make(map[string]int)
	err := s.alone(func(tx *bolt.Tx) error {
		for _, name := range slices.DeleteFunc(buckets(), func(name string) bool { return name == bucketMain }) {
			if n := bucket(tx, name).Stats().KeyN; n > 0 {
				counts[name] = n
			}
		}
		return s.db.View(func(tx *bolt.Tx) error { // as of the newest commit
			if err := checkPages(tx, s.file); err != nil {
				return err
			}
			return verify(tx)
		})
	})
	return counts, err
}

// Entries returns the number of entries in the file.
func (s *Store) Entries() (n int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		n = bucket(tx, bucketEntries).Stats().KeyN
		return nil
	})
	return n, err
}

// Used returns the number of bytes of all keys and values.
func (s *Store) Used() (n int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			stats := bucket(tx, name).Stats()
			n += stats.LeafInuse
		}
		return nil
	})
	return n, err
}

// OpenAt is Open with a clock.
func OpenAt(path string, cfg Config, now func() time.Time) (*Store, error) {
	return openAt(path, cfg, now)
}
