package boltstore

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// walk is a [history.Cursor] over the entries of one channel.
type walk struct {
	history.Kept

	entries *bolt.Bucket
	epochs  history.Epochs
	channel string // its name, which entries share
	number  uint64

	cursor *bolt.Cursor // nil until the first Seek
	seq    uint64       // of the current entry, or 0
	value  []byte
}

// Seek implements [history.Cursor].
func (w *walk) Seek(after uint64) error {
	if w.seq = 0; after >= w.Newest {
		return nil
	}
	if w.cursor == nil {
		w.cursor = w.entries.Cursor()
	}
	return w.at(w.cursor.Seek(key(w.number, max(after+1, w.Oldest))))
}

// at makes the entry at the cursor the current one.
func (w *walk) at(k, value []byte) error {
	var number uint64
	if err := decode(k, &number, &w.seq); err != nil || number != w.number {
		return damage("entries of channel %d are missing", w.number)
	}
	w.value = value
	return nil
}

// Next implements [history.Cursor].
func (w *walk) Next() error {
	if w.seq >= w.Newest {
		w.seq = 0
		return nil
	}
	return w.at(w.cursor.Next())
}

// Back implements [history.Cursor].
func (w *walk) Back() error {
	if w.seq <= w.Oldest {
		w.seq = 0
		return nil
	}
	return w.at(w.cursor.Prev())
}

// Seq implements [history.Cursor].
func (w *walk) Seq() uint64 { return w.seq }

// Entry implements [history.Cursor].
func (w *walk) Entry() (*history.Entry, error) {
	r, at, err := decodeEntry(key(w.number, w.seq), w.value)
	if err != nil {
		return nil, damage("entry %d of channel %q: %v", w.seq, w.channel, err)
	}
	r.Channel = w.channel
	return r.At(w.epochs.At(w.seq), at), nil
}

// picks is a [history.Cursor] over some of the entries of a channel.
type picks struct {
	*walk

	seqs []uint64 // of the current entry and those after it
}

// Seek implements [history.Cursor].
func (p *picks) Seek(after uint64) error {
	i, _ := slices.BinarySearch(p.seqs, after+1)
	return p.from(i)
}

// Next implements [history.Cursor].
func (p *picks) Next() error { return p.from(1) }

// from makes the pick at an index the current one.
func (p *picks) from(i int) error {
	if p.seqs = p.seqs[i:]; len(p.seqs) == 0 {
		p.seq = 0
		return nil
	}
	p.seq = p.seqs[0]
	p.value = p.entries.Get(key(p.number, p.seq))
	return nil
}
