package boltstore

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// pages checks the structure of a bbolt file, as of its newest commit: every
// page is in the tree once, or free, lies within the file, and holds what its
// head says, in order. bbolt's own check reads the mapped file in a goroutine
// of its own, where a memory fault ends the process, and may follow pages in a
// circle. This one reads the file, and trusts no number in it.
//
// A page begins with its number in 8 bytes, flags and number of elements in 2
// each, and in 4 the number of overflow pages that follow it. Elements of 16
// bytes come next. An element of a branch holds the offset of its key from the
// element and the key's length, in 4 bytes each, and the number of the child
// page in 8. An element of a leaf holds flags, the offset of its key, and the
// lengths of key and value, in 4 each.
type pages struct {
	file io.ReaderAt
	meta meta
	use  []pageUse // of each page
}

// pageUse is the use that was found for a page.
type pageUse uint8

const (
	pageLost pageUse = iota
	pageUsed
	pageFree
)

const (
	pageHead    = 16
	pageElement = 16

	branchPage = 0x01
	leafPage   = 0x02
	freePage   = 0x10

	bucketFlag   = 0x01
	bucketHeader = 16 // root page, 0 if it follows, and sequence

	manyFree = 0xFFFF         // the first element holds the number
	noFree   = math.MaxUint64 // there is no list of free pages
	maxDepth = 64             // of the tree; a file of any size stays far below
)

// checkPages returns an error that wraps ErrDamaged if the file's structure is
// not what bbolt writes, and the file's own error if it cannot be read.
func checkPages(file io.ReaderAt, size int64) error {
	m, ok := newestMeta(file)
	if !ok {
		return damage("no page to begin with")
	}
	if used := m.used(); used <= 0 || used > size {
		return damage("%d bytes of %d are missing", used-size, used)
	}
	p := &pages{file: file, meta: m, use: make([]pageUse, m.pages)}
	for i := range min(2, len(p.use)) {
		p.use[i] = pageUsed
	}
	if err := p.free(); err != nil {
		return err
	}
	if err := p.tree(m.root, nil, nil, 0); err != nil {
		return err
	}
	if i := slices.Index(p.use, pageLost); i >= 0 && m.free != noFree {
		return damage("page %d is lost", i)
	}
	return nil
}

// page reads a page with its overflow pages, and marks them as used.
func (p *pages) page(id uint64) ([]byte, error) {
	if id >= p.meta.pages {
		return nil, damage("page %d of %d", id, p.meta.pages)
	}
	size := p.meta.pageSize
	head := make([]byte, pageHead)
	if _, err := p.file.ReadAt(head, int64(id)*size); err != nil { //nolint:gosec // It is within the file.
		return nil, err
	}
	order := binary.NativeEndian
	more := uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id || more >= p.meta.pages-id {
		return nil, damage("head of page %d", id)
	}
	for i := id; i <= id+more; i++ {
		if p.use[i] != pageLost {
			return nil, damage("page %d is used twice", i)
		}
		p.use[i] = pageUsed
	}
	b := make([]byte, (1+int64(more))*size)    //nolint:gosec // As above.
	_, err := p.file.ReadAt(b, int64(id)*size) //nolint:gosec // As above.
	return b, err
}

// free reads the list of free pages.
func (p *pages) free() error {
	if p.meta.free == noFree {
		return nil
	}
	b, err := p.page(p.meta.free)
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
		if id >= p.meta.pages || p.use[id] != pageLost {
			return damage("free page %d", id)
		}
		p.use[id] = pageFree
	}
	return nil
}

// tree checks a page and all pages below it. Their keys are not less than
// first, and less than end, unless that is nil.
func (p *pages) tree(id uint64, first, end []byte, depth int) error {
	if depth > maxDepth {
		return damage("page %d is too deep", id)
	}
	b, err := p.page(id)
	if err != nil {
		return err
	}
	switch binary.NativeEndian.Uint16(b[8:]) {
	case branchPage:
		return p.branch(id, b, first, end, depth)
	case leafPage:
		return p.leaf(id, b, first, end, depth)
	}
	return damage("page %d is of no kind that belongs there", id)
}

// branch checks a branch page and all pages below it.
func (p *pages) branch(id uint64, b, first, end []byte, depth int) error {
	order, count := binary.NativeEndian, elements(b)
	if count <= 0 {
		return damage("page %d leads nowhere", id)
	}
	keys, below := make([][]byte, count), make([]uint64, count)
	for i := range count {
		e := b[pageHead+pageElement*i:]
		key, _, ok := content(b, count, i, order.Uint32(e), order.Uint32(e[4:]), 0)
		if !ok || !inOrder(key, first, end, i > 0) {
			return damage("key %d of page %d", i, id)
		}
		keys[i], below[i], first = key, order.Uint64(e[8:]), key
	}
	for i := range count {
		until := end
		if i+1 < count {
			until = keys[i+1]
		}
		if err := p.tree(below[i], keys[i], until, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks a leaf page, and the buckets that it holds.
func (p *pages) leaf(id uint64, b, first, end []byte, depth int) error {
	order, count := binary.NativeEndian, elements(b)
	if count < 0 {
		return damage("page %d is too short", id)
	}
	for i := range count {
		e := b[pageHead+pageElement*i:]
		key, value, ok := content(b, count, i, order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:]))
		if !ok || !inOrder(key, first, end, i > 0) {
			return damage("key %d of page %d", i, id)
		}
		first = key
		switch order.Uint32(e) {
		case 0:
		case bucketFlag:
			if err := p.bucket(id, value, depth); err != nil {
				return err
			}
		default:
			return damage("element %d of page %d", i, id)
		}
	}
	return nil
}

// bucket checks a bucket, given its value on a leaf page.
func (p *pages) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return damage("bucket on page %d", id)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return p.tree(root, nil, nil, depth+1)
	}
	b := value[bucketHeader:]
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != leafPage {
		return damage("bucket on page %d", id)
	}
	return p.leaf(id, b, nil, nil, depth+1)
}

// elements returns the number of a page's elements, or -1 if the page is too
// short for them.
func elements(b []byte) int {
	n := int(binary.NativeEndian.Uint16(b[10:]))
	if pageHead+pageElement*n > len(b) {
		return -1
	}
	return n
}

// content returns key and value of element i of a page, which begin at bytes
// after the element. It reports false if they are not on the page.
func content(b []byte, count, i int, at, key, value uint32) (k, v []byte, ok bool) {
	from := int64(pageHead+pageElement*i) + int64(at)
	middle := from + int64(key)
	end := middle + int64(value)
	if from < int64(pageHead+pageElement*count) || end > int64(len(b)) {
		return nil, nil, false
	}
	return b[from:middle], b[middle:end], true
}

// inOrder reports whether a key is not less than first, and less than end
// unless that is nil. If after is set, first is the previous key, and key must
// be greater.
func inOrder(key, first, end []byte, after bool) bool {
	if n := bytes.Compare(key, first); n < 0 || n == 0 && after {
		return false
	}
	return end == nil || bytes.Compare(key, end) < 0
}
