package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// recognise looks at a file without changing it. It returns an error unless the
// file is this package's, is empty or does not exist. It reports whether the
// file does not exist or has no bytes.
func (s *Store) recognise(path string) (missing bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%w: it is no regular file", ErrForeign)
	}
	if info.Size() == 0 {
		return true, nil
	}
	if err = s.openFile(path, true); err != nil {
		return false, reason(path, err)
	}
	err = guard(func() error {
		if s.cfg.Verify { // before anything follows a page
			if bad := checkPages(s.file, info.Size()); bad != nil {
				return bad
			}
		}
		return s.db.View(s.belongs)
	})
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
	case errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case looksLikeBolt(path):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("%w: %w", ErrForeign, err)
}

// belongs returns an error unless the file is this package's, and complete.
func (s *Store) belongs(tx *bolt.Tx) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if newest, ok := newestMeta(s.file); ok && info.Size() < newest.used() {
		return damage("%d bytes of %d are missing", newest.used()-info.Size(), newest.used())
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
	return nil
}

// A bbolt file begins with two meta pages, the newer of which counts. Each is a
// page's head, and then, in the machine's byte order, magic, version, page size
// and flags in 4 bytes each, and root bucket, its sequence, free list, number
// of pages, transaction and checksum in 8 each.
const (
	metaStart = 16
	metaSize  = 64
	metaMagic = 0xED0CDAED
)

// readMeta returns the meta page at an offset, if there is one.
func readMeta(file io.ReaderAt, offset int64) (meta []byte, magic, whole bool) {
	meta = make([]byte, metaSize)
	if _, err := file.ReadAt(meta, offset+metaStart); err != nil {
		return nil, false, false
	}
	order := binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:metaSize-8])
	return meta, order.Uint32(meta) == metaMagic, order.Uint64(meta[metaSize-8:]) == sum.Sum64()
}

// looksLikeBolt reports whether a file begins like one of bbolt's, for any page
// size.
func looksLikeBolt(path string) bool {
	file, err := os.Open(path) //nolint:gosec // It is the caller's path.
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	for offset := int64(0); offset <= 64<<10; offset = max(1<<10, 2*offset) {
		if _, magic, _ := readMeta(file, offset); magic {
			return true
		}
	}
	return false
}

// meta holds the fields of a meta page that the checks need.
type meta struct {
	pageSize                int64
	root, free, pages, txid uint64 // pages of the root bucket and of the free list, their number, the transaction
}

// used returns the length of the file that its pages need. In a mapped file
// that is shorter, a read would be a memory fault.
func (m meta) used() int64 {
	if m.pageSize <= 0 || m.pages > uint64(math.MaxInt64/m.pageSize) { //nolint:gosec // It is positive.
		return math.MaxInt64
	}
	return int64(m.pages) * m.pageSize //nolint:gosec // It was looked at.
}

// newestMeta returns the newest valid meta page. It reports false if there is
// none.
func newestMeta(file io.ReaderAt) (newest meta, found bool) {
	order := binary.NativeEndian
	take := func(offset int64) (pageSize int64) {
		b, magic, whole := readMeta(file, offset)
		if !magic || !whole {
			return 0
		}
		m := meta{
			pageSize: int64(order.Uint32(b[8:])),
			root:     order.Uint64(b[16:]), free: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), txid: order.Uint64(b[48:]),
		}
		if !found || m.txid > newest.txid {
			newest, found = m, true
		}
		return m.pageSize
	}
	if pageSize := take(0); pageSize != 0 {
		take(pageSize)
		return newest, found
	}
	for offset := int64(1 << 10); offset <= 64<<10 && !found; offset *= 2 {
		take(offset)
	}
	return newest, found
}

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
