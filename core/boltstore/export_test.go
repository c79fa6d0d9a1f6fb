package boltstore

import (
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// JournalPath is where the journal of a history is.
func JournalPath(history string) string { return journalPath(history) }

// Limit has a file that needs to grow over so many bytes be a full disk; 0 for
// none.
func (s *Store) Limit(bytes int) {
	_ = s.update(func(*bolt.Tx) error {
		s.db.MaxSize = bytes
		return errNothing
	})
}

// Counts checks the file, and returns how many keys there are in each bucket.
func (s *Store) Counts() (map[string]int, error) {
	counts := make(map[string]int)
	err := s.update(func(tx *bolt.Tx) error { // nobody else writes meanwhile
		for _, name := range slices.DeleteFunc(buckets(), func(name string) bool { return name == bucketMain }) {
			if n := bucket(tx, name).Stats().KeyN; n > 0 {
				counts[name] = n
			}
		}
		if err := verify(tx); err != nil {
			return err
		}
		return errNothing
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
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
