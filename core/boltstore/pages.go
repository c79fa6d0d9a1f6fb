package boltstore

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// pages checks the structure of a bbolt file, as of its newest commit: every
// page is in the tree once, or free, and holds what its head says, in order.
//
// bbolt's own check cannot do that for a damaged file. It follows pages in a
// circle without end, and it reads the mapped file in a goroutine of its own,
// where a memory fault ends the process. bbolt also takes the list of free pages
// as it is. This check reads the file, and trusts no number in it. It visits no
// page twice.
//
// A page begins with its number in 8 bytes, flags and number of elements in 2
// each, and in 4 the number of overflow pages that follow it. Elements of 16
// bytes come next. An element of a branch holds the offset of its key from the
// element and the key's length, in 4 bytes each, and the number of the child
// page in 8. An element of a leaf holds flags, the offset of its key, and the
// lengths of key and value, in 4 each.
type pages struct {
	file io.ReaderAt
	size int64  // of a page
	seen []bool // the pages that were found, in the tree or in the list of free ones
}

// element is an element of a branch or of a leaf.
type element struct {
	branch     bool
	child      uint64 // of a branch
	flags      uint32 // of a leaf
	key, value []byte
}

const (
	pageHead    = 16
	pageElement = 16

	branchPage = 0x01
	leafPage   = 0x02
	freePage   = 0x10

	bucketFlag   = 0x01
	bucketHeader = 16 // root page, 0 if it follows, and sequence

	freeListAt = pageHead + 32  // in the page of a commit: the number of the list of free pages
	noFreeList = math.MaxUint64 // the value of that if there is none
	manyFree   = 0xFFFF         // the first element holds the number
)

// checkPages returns an error that wraps ErrDamaged if the file's structure is
// not what bbolt writes, and the file's own error if it cannot be read. bbolt
// has checked the page of the newest commit.
func checkPages(tx *bolt.Tx, file io.ReaderAt) error {
	size := int64(tx.DB().Info().PageSize)
	p := &pages{file: file, size: size, seen: make([]bool, tx.Size()/size)}
	p.seen[0], p.seen[1] = true, true // the pages of commits, which take turns
	var b [8]byte
	if _, err := file.ReadAt(b[:], int64(tx.ID()%2)*size+freeListAt); err != nil {
		return err
	}
	list := binary.NativeEndian.Uint64(b[:])
	if err := p.free(list); err != nil {
		return err
	}
	if err := p.tree(uint64(tx.Cursor().Bucket().Root()), nil, nil); err != nil {
		return err
	}
	if i := slices.Index(p.seen, false); i >= 0 && list != noFreeList {
		return damage("page %d is lost", i)
	}
	return nil
}

// page reads a page with its overflow pages.
func (p *pages) page(id uint64) ([]byte, error) {
	count := uint64(len(p.seen))
	if id >= count {
		return nil, damage("page %d of %d", id, count)
	}
	head := make([]byte, pageHead)
	if _, err := p.file.ReadAt(head, int64(id)*p.size); err != nil { //nolint:gosec // It is within the file.
		return nil, err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || more >= count-id {
		return nil, damage("head of page %d", id)
	}
	for i := id; i <= id+more; i++ {
		if p.seen[i] {
			return nil, damage("page %d is used twice", i)
		}
		p.seen[i] = true
	}
	b := make([]byte, (1+int64(more))*p.size)    //nolint:gosec // As above.
	_, err := p.file.ReadAt(b, int64(id)*p.size) //nolint:gosec // As above.
	return b, err
}

// free reads the list of free pages.
func (p *pages) free(list uint64) error {
	if list == noFreeList {
		return nil
	}
	b, err := p.page(list)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	count, ids := uint64(order.Uint16(b[10:])), b[pageHead:]
	if count == manyFree {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(b[8:]) != freePage || count > uint64(len(ids)/8) {
		return damage("list of free pages")
	}
	for i := range count {
		id := order.Uint64(ids[8*i:])
		if id >= uint64(len(p.seen)) || p.seen[id] {
			return damage("free page %d", id)
		}
		p.seen[id] = true
	}
	return nil
}

// tree checks a page and all pages below it. Their keys are not less than
// first, and less than end, unless that is nil.
func (p *pages) tree(id uint64, first, end []byte) error {
	b, err := p.page(id)
	if err != nil {
		return err
	}
	return p.node(id, b, first, end)
}

// node is tree for what is in the page id already, or in a part of it.
func (p *pages) node(id uint64, b, first, end []byte) error {
	all, ok := elements(b)
	if !ok {
		return damage("page %d", id)
	}
	for i, e := range all {
		if n := bytes.Compare(e.key, first); n < 0 || n == 0 && i > 0 || end != nil && bytes.Compare(e.key, end) >= 0 {
			return damage("key %d of page %d", i, id)
		}
		first = e.key
	}
	for i, e := range all {
		until := end
		if i+1 < len(all) {
			until = all[i+1].key
		}
		var err error
		switch {
		case e.branch:
			err = p.tree(e.child, e.key, until)
		case e.flags == bucketFlag:
			err = p.bucket(id, e.value)
		case e.flags != 0:
			err = damage("element %d of page %d", i, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket, given its value on a page.
func (p *pages) bucket(id uint64, value []byte) error {
	if len(value) < bucketHeader {
		return damage("bucket on page %d", id)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return p.tree(root, nil, nil)
	}
	b := value[bucketHeader:] // a small bucket, which is one leaf
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != leafPage {
		return damage("bucket on page %d", id)
	}
	return p.node(id, b, nil, nil)
}

// elements returns the elements of a page. It reports false if it is no page of
// the tree, or if the elements, their keys or values are not within the page.
func elements(b []byte) (all []element, ok bool) {
	order := binary.NativeEndian
	kind, count := order.Uint16(b[8:]), int(order.Uint16(b[10:]))
	start := pageHead + pageElement*count // of keys and values
	if start > len(b) || kind != leafPage && (kind != branchPage || count == 0) {
		return nil, false
	}
	all = make([]element, count)
	for i := range all {
		at := pageHead + pageElement*i
		number := func(k int) int64 { return int64(order.Uint32(b[at+4*k:])) }
		offset, key, value := number(1), number(2), number(3)
		if e := &all[i]; kind == branchPage {
			offset, key, value = number(0), number(1), 0
			e.branch, e.child = true, order.Uint64(b[at+8:])
		} else {
			e.flags = order.Uint32(b[at:])
		}
		from := int64(at) + offset
		if from < int64(start) || from+key+value > int64(len(b)) {
			return nil, false
		}
		all[i].key, all[i].value = b[from:from+key], b[from+key:from+key+value]
	}
	return all, true
}
