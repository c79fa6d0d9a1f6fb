package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// verify reads the whole file. It returns an error that wraps ErrDamaged for
// what cannot be.
func verify(tx *bolt.Tx) error {
	for _, name := range buckets() {
		if err := ascending(tx, name); err != nil {
			return err
		}
	}
	counted, err := count(tx)
	if err != nil {
		return err
	}
	err = bucket(tx, bucketChannels).ForEach(func(name, value []byte) error {
		ch, bad := decodeChannel(value)
		if bad != nil {
			return damage("channel %q: %v", name, bad)
		}
		got := counted[ch.number]
		if got.count != ch.count || got.bytes != ch.bytes || ch.count > 0 && (got.oldest != ch.oldest || got.newest != ch.newest) {
			return damage("channel %q has %d entries of %d bytes, want %d of %d", name, got.count, got.bytes, ch.count, ch.bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Last, as it reads in a goroutine of its own, where nothing is guarded.
	for problem := range tx.Check() {
		if err == nil {
			err = fmt.Errorf("%w: %w", ErrDamaged, problem)
		}
	}
	return err
}

// ascending checks the order of a bucket's keys.
func ascending(tx *bolt.Tx, name string) error {
	b := bucket(tx, name)
	if b == nil {
		return damage("bucket %q is missing", name)
	}
	var before []byte
	return b.ForEach(func(k, _ []byte) error {
		if before != nil && bytes.Compare(before, k) >= 0 {
			return damage("bucket %q is out of order", name)
		}
		before = append(before[:0], k...)
		return nil
	})
}

// count returns what there is of each channel.
func count(tx *bolt.Tx) (map[uint64]channel, error) {
	counted := make(map[uint64]channel)
	err := bucket(tx, bucketEntries).ForEach(func(k, v []byte) error {
		if len(k) != 16 {
			return damage("key of an entry")
		}
		seq := binary.BigEndian.Uint64(k[8:])
		if _, _, err := decodeEntry(k, v); err != nil {
			return damage("entry %d: %v", seq, err)
		}
		ch := counted[binary.BigEndian.Uint64(k)]
		if ch.count++; ch.count == 1 {
			ch.oldest = seq
		}
		ch.newest = seq
		ch.bytes += cost(v)
		counted[binary.BigEndian.Uint64(k)] = ch
		return nil
	})
	return counted, err
}
