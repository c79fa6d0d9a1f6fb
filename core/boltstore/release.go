package boltstore

import (
	"errors"
	"os"

	bolt "go.etcd.io/bbolt"
)

// update runs f in a transaction that may write, and commits it. Unlike bbolt's
// own, it leaves no lock behind when something panics.
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
		undone := guard(tx.Rollback) // says that it is over already, if it was the commit
		s.stuck = errors.Is(undone, ErrDamaged)
	}
	return err
}

// closeFile closes the file. Where bbolt panicked and may hold its own locks, it
// cannot do that.
func (s *Store) closeFile() error {
	if s.stuck || s.db == nil {
		return release(s.file)
	}
	return s.db.Close()
}

// release closes a file that bbolt has locked, and may have mapped: then its
// lock would outlive the closing.
func release(file *os.File) error {
	return errors.Join(unlock(file), file.Close())
}
