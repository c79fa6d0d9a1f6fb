package boltstore

import (
	"errors"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// guard calls f. It returns an error that wraps ErrDamaged if bbolt panics
// because of impossible pages, or if pages of the mapped file cannot be read.
func guard(f func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			err = damage("%v", p)
		}
	}()
	return f()
}

// update runs f in a write transaction, and commits it unless f fails or panics.
func (s *Store) update(f func(tx *bolt.Tx) error) error {
	return guard(func() error {
		s.stuck = true // unless Update returns: a panic can leave its locks locked
		err := s.db.Update(func(tx *bolt.Tx) error {
			return guard(func() error { return f(tx) })
		})
		s.stuck = false
		return err
	})
}

// closeFile closes the file. After a panic, bbolt may hold its own locks and
// cannot close the file itself.
func (s *Store) closeFile() error {
	if s.stuck {
		return release(s.file)
	}
	return s.db.Close()
}

// release closes a file that bbolt has locked. It unlocks the file first: if
// bbolt has mapped it, the lock would outlive the closing.
func release(file *os.File) error {
	return errors.Join(unlock(file), file.Close())
}
