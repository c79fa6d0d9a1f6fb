package boltstore

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// audit compares the buckets of a file with each other. Each of the methods that
// take k and v checks a key of a bucket.
type audit struct {
	tx    *bolt.Tx
	state state
	swept map[uint64]uint64   // bytes that are left of forgotten channels, by number
	found map[uint64]*channel // what the entries and indexes of each channel come to

	weight uint64 // of all once keys
}

// verify reads all buckets, which are there. It returns an error that wraps
// ErrDamaged if they are not consistent. checkPages checks the pages of the
// file.
func verify(tx *bolt.Tx) (err error) {
	a := &audit{tx: tx, swept: make(map[uint64]uint64), found: make(map[uint64]*channel)}
	if a.state, err = decodeState(bucket(tx, bucketMain).Get([]byte(keyState))); err != nil {
		return err
	}
	for _, each := range []struct {
		bucket string
		check  func(k, v []byte) error
	}{
		{bucketSwept, a.rest},
		{bucketEntries, a.entry},
		{bucketIDs, a.id},
		{bucketKeys, a.subject},
		{bucketChannels, a.channel},
		{bucketTombs, a.tomb},
		{bucketOnce, a.once},
		{bucketOnceOrder, a.onceOrder},
	} {
		if err := bucket(tx, each.bucket).ForEach(each.check); err != nil {
			return err
		}
	}
	if a.weight != a.state.once {
		return damage("once keys count %d, want %d", a.weight, a.state.once)
	}
	for number, left := range a.swept {
		if got := a.of(number).bytes; got != left {
			return damage("%d bytes are left of channel %d, want %d", got, number, left)
		}
		delete(a.found, number)
	}
	for number := range a.found {
		return damage("entries of channel %d, which is not known", number)
	}
	return nil
}

// of returns what was found of a channel.
func (a *audit) of(number uint64) *channel {
	if a.found[number] == nil {
		a.found[number] = new(channel)
	}
	return a.found[number]
}

func (a *audit) rest(k, v []byte) error {
	var number, left uint64
	if decode(k, &number) != nil || decode(v, &left) != nil {
		return damage("rest of channel %x", k)
	}
	a.swept[number] = left
	return nil
}

func (a *audit) entry(k, v []byte) error {
	var number, seq uint64
	if err := decode(k, &number, &seq); err != nil {
		return damage("key of an entry: %v", err)
	}
	if _, _, err := decodeEntry(k, v); err != nil {
		return damage("entry %d: %v", seq, err)
	}
	ch := a.of(number)
	if ch.count++; ch.count == 1 {
		ch.oldest = seq
	}
	ch.newest = seq
	ch.bytes += cost(k, v)
	return nil
}

// index checks that a key of the buckets ids or keys leads to an entry with that
// key, except in channels that are partly swept.
func (a *audit) index(k, v []byte, keyOf func(id, subject []byte) []byte) error {
	var number, seq uint64
	if len(k) < 8 || decode(k[:8], &number) != nil || decode(v, &seq) != nil {
		return damage("index %x", k)
	}
	a.of(number).bytes += cost(k, v)
	if _, ok := a.swept[number]; ok {
		return nil
	}
	r, _, err := decodeHead(bucket(a.tx, bucketEntries).Get(key(number, seq)))
	if err != nil || !bytes.Equal(k, keyOf(indexKeys(number, &r))) {
		return damage("index %x leads elsewhere", k)
	}
	return nil
}

func (a *audit) id(k, v []byte) error {
	return a.index(k, v, func(id, _ []byte) []byte { return id })
}

func (a *audit) subject(k, v []byte) error {
	return a.index(k, v, func(_, subject []byte) []byte { return subject })
}

func (a *audit) channel(name, v []byte) error {
	ch, err := decodeChannel(name, v)
	if err != nil {
		return err
	}
	got := a.of(ch.number)
	if got.count != ch.count || got.bytes != ch.bytes || ch.count > 0 && (got.oldest != ch.oldest || got.newest != ch.newest) {
		return damage("channel %q has %d entries of %d bytes, want %d of %d", name, got.count, got.bytes, ch.count, ch.bytes)
	}
	if ch.number > a.state.channels || max(got.newest, ch.gone) > a.state.head {
		return damage("channel %q is newer than the file", name)
	}
	delete(a.found, ch.number)
	return nil
}

func (a *audit) tomb(name, v []byte) error {
	var gone uint64
	if decode(v, &gone) != nil || gone > a.state.head {
		return damage("forgotten channel %q", name)
	}
	return nil
}

func (a *audit) once(k, v []byte) error {
	first, err := decodeOnce(v)
	if err != nil || first.seq > a.state.head || !bytes.Equal(bucket(a.tx, bucketOnceOrder).Get(key(first.seq)), k) {
		return damage("once key %q", k)
	}
	a.weight += first.weight(k)
	return nil
}

func (a *audit) onceOrder(k, v []byte) error {
	first, err := decodeOnce(bucket(a.tx, bucketOnce).Get(v))
	if err != nil || !bytes.Equal(key(first.seq), k) {
		return damage("order of the once keys")
	}
	return nil
}
