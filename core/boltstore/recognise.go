package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// recognise looks at a file without changing it. It returns an error unless the
// file is this package's, is empty or does not exist. It reports whether the
// file does not exist or has no bytes.
func (s *Store) recognise(path string) (missing bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%w: it is no regular file", ErrForeign)
	case info.Size() == 0:
		return true, nil
	}
	if err = s.openFile(path, true); err != nil {
		return false, reason(path, err)
	}
	err = guard(func() error { return s.db.View(s.inspect) })
	// Here bbolt relies on the closing to release the lock. A process that is
	// being started at this moment shares the open file, and would keep it
	// locked.
	return false, errors.Join(err, unlock(s.file), s.closeFile())
}

// reason returns the error for an error of bbolt's, given that the file exists.
func reason(path string, err error) error {
	var system *fs.PathError
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, ErrDamaged), errors.As(err, &system):
		return err
	case !errors.Is(err, berrors.ErrVersionMismatch) && looksLikeBolt(path):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("%w: %w", ErrForeign, err)
}

// looksLikeBolt reports whether a file has bbolt's magic number where one of the
// two pages begins that a file of bbolt's begins with. The second page may begin
// at any power of two, the size of a page.
func looksLikeBolt(path string) bool {
	file, err := os.Open(path) //nolint:gosec // It is the caller's path.
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	var magic [4]byte
	for page := int64(0); page <= 64<<10; page = max(1<<10, 2*page) {
		_, err := file.ReadAt(magic[:], page+pageHead)
		if err == nil && binary.NativeEndian.Uint32(magic[:]) == 0xED0CDAED {
			return true
		}
	}
	return false
}

// inspect returns an error unless the file is this package's, and complete. With
// Config.Verify, it reads all of it.
func (s *Store) inspect(tx *bolt.Tx) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if size := tx.Size(); size <= 0 || size > info.Size() {
		return damage("%d bytes of %d are missing", size-info.Size(), size)
	}
	if s.cfg.Verify { // before anything follows a page
		if err := checkPages(tx, s.file); err != nil {
			return err
		}
	}
	main := bucket(tx, bucketMain)
	if main == nil {
		if isEmpty(tx) { // the process ended before it was initialised
			return nil
		}
		return fmt.Errorf("%w: it is another application's", ErrForeign)
	}
	if got := main.Get([]byte(keyFormat)); string(got) != format {
		return fmt.Errorf("%w: its format is %.40q", ErrForeign, got)
	}
	for _, name := range buckets() {
		if bucket(tx, name) == nil {
			return damage("bucket %q is missing", name)
		}
	}
	if s.cfg.Verify {
		return verify(tx)
	}
	return nil
}
