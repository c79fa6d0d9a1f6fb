package boltstore

import (
	"errors"
	"os"

	bolt "go.etcd.io/bbolt"
)

// update runs f in a write transaction, and commits it. Unlike bbolt's own
// Update, it leaves no lock behind after a panic.
func (s *Store) update(f func(tx *bolt.Tx) error) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	err = guard(func() error {
		if bad := f(tx); bad != nil {
			return bad
		}
		return tx.Commit()
	})
	if err != nil {
		undone := guard(tx.Rollback) // returns another error if the commit failed: the transaction is over
		s.stuck = errors.Is(undone, ErrDamaged)
	}
	return err
}

// closeFile closes the file. After a panic, bbolt may hold its own locks and
// cannot close the file itself.
func (s *Store) closeFile() error {
	if s.stuck || s.db == nil {
		return release(s.file)
	}
	return s.db.Close()
}

// release closes a file that bbolt has locked. It unlocks the file first: if
// bbolt has mapped it, the lock would outlive the closing.
func release(file *os.File) error {
	return errors.Join(unlock(file), file.Close())
}
