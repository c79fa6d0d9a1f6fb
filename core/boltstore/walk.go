package boltstore

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// walk iterates over the entries of one channel.
type walk struct {
	stretch

	view   *view
	cursor *bolt.Cursor
	seq    uint64 // of the current entry; 0 beyond the end
	value  []byte
}

// seek moves to the first entry whose sequence number is seq or more.
func (w *walk) seek(seq uint64) error {
	if w.number == 0 || seq > w.newest {
		return nil
	}
	return w.at(w.cursor.Seek(pair(w.number, max(seq, w.oldest))))
}

// at makes the entry at the cursor the current one.
func (w *walk) at(key, value []byte) error {
	if len(key) != 16 || binary.BigEndian.Uint64(key) != w.number {
		return damage("entries of channel %d are missing", w.number)
	}
	w.seq, w.value = binary.BigEndian.Uint64(key[8:]), value
	return nil
}

// next moves to the next entry.
func (w *walk) next() error {
	if w.seq >= w.newest {
		w.seq = 0
		return nil
	}
	return w.at(w.cursor.Next())
}

// back moves to the previous entry.
func (w *walk) back() error {
	if w.seq <= w.oldest {
		w.seq = 0
		return nil
	}
	return w.at(w.cursor.Prev())
}

// entry returns the current entry.
func (w *walk) entry() (*history.Entry, error) {
	return w.view.entry(w.channel, w.number, w.seq, w.value)
}

// entry decodes an entry.
func (v *view) entry(channel string, number, seq uint64, value []byte) (*history.Entry, error) {
	r, at, err := decodeEntry(pair(number, seq), value)
	if err != nil {
		return nil, damage("entry %d of channel %q: %v", seq, channel, err)
	}
	r.Channel = channel
	return r.At(v.store.epochs.at(seq), at), nil
}

// earliest returns the walk with the oldest current entry, or nil.
func earliest(walks []*walk) (first *walk) {
	for _, w := range walks {
		if w.seq != 0 && (first == nil || w.seq < first.seq) {
			first = w
		}
	}
	return first
}

// latest returns the walk with the newest current entry, or nil.
func latest(walks []*walk) (last *walk) {
	for _, w := range walks {
		if w.seq != 0 && (last == nil || w.seq > last.seq) {
			last = w
		}
	}
	return last
}
