package boltstore

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// append adds the records of one call.
func (c *change) append(records []history.Record) ([]*history.Entry, error) {
	if k := onceKey(records); k != nil {
		first, used, err := c.first(k)
		if err != nil {
			return nil, err
		}
		if used {
			return []*history.Entry{c.store.repeat(&records[0], first)}, nil
		}
	}
	if err := c.putAll(records, c.now); err != nil {
		return nil, err
	}
	entries := make([]*history.Entry, len(records))
	seq := c.head - uint64(len(records))
	for i, r := range records {
		entries[i] = r.At(c.store.epochs.Newest(seq+uint64(i)+1), c.now)
	}
	c.appended = append(c.appended, entries...)
	return entries, nil
}

// putAll adds the records of one call, which were appended at a time, and the
// once key that they come with.
func (c *change) putAll(records []history.Record, at time.Time) error {
	if k := onceKey(records); k != nil {
		if err := c.remember(k, onceValue{c.head + 1, nanos(at), records[0].ID}); err != nil {
			return err
		}
	}
	for i := range records {
		if err := c.put(&records[i], at); err != nil {
			return err
		}
	}
	return nil
}

// put adds a record.
func (c *change) put(r *history.Record, at time.Time) error {
	ch, err := c.open(r.Channel, at)
	if err != nil {
		return err
	}
	c.head++
	k := key(ch.number, c.head)
	value := encodeEntry(k, r, at)
	if err = c.entries.Put(k, value); err != nil {
		return err
	}
	size, err := c.indexes(ch.number, r, c.head, putIndex)
	if err != nil {
		return err
	}
	size += cost(k, value)
	if ch.count++; ch.count == 1 {
		ch.oldest, ch.oldestAt = c.head, nanos(at)
	}
	ch.newest, ch.newestAt = c.head, nanos(at)
	ch.bytes += size
	c.bytes += size
	c.clock.take(nanos(at))
	c.trims.earn(size)
	c.sweeps.earn(size)
	return nil
}

// open returns the channel of a record that is appended at a time.
func (c *change) open(name string, at time.Time) (*channel, error) {
	ch := c.channel(name)
	if ch != nil && c.store.cfg.Retention.Of(name).Forgets(ch.extent(), at) {
		// Readers do not see the idle channel any more: the new entry must not
		// bring it back.
		if err := c.forget(name, ch); err != nil {
			return nil, err
		}
		ch = nil
	}
	if ch == nil {
		return c.create(name)
	}
	return ch, nil
}

// indexes calls do with the keys that lead to an entry: by its ID, and by its
// audience and key. It returns the sum of what do returns.
func (c *change) indexes(channel uint64, r *history.Record, seq uint64, do indexer) (size uint64, err error) {
	id, subject := indexKeys(channel, r)
	for _, index := range []struct {
		bucket *bolt.Bucket
		key    []byte
	}{{c.ids, id}, {c.keys, subject}} {
		if index.key == nil {
			continue
		}
		n, err := do(index.bucket, index.key, seq)
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}

// indexer makes a key of a bucket lead to an entry, or no more. It returns by
// how many bytes the bucket grows or shrinks.
type indexer func(b *bolt.Bucket, k []byte, seq uint64) (uint64, error)

// putIndex is an indexer that sets the key.
func putIndex(b *bolt.Bucket, k []byte, seq uint64) (added uint64, err error) {
	value := key(seq)
	if b.Get(k) == nil {
		added = cost(k, value)
	}
	return added, b.Put(k, value)
}

// dropIndex is an indexer that removes the key, if it leads to the entry.
func dropIndex(b *bolt.Bucket, k []byte, seq uint64) (removed uint64, err error) {
	value := key(seq)
	if !bytes.Equal(b.Get(k), value) {
		return 0, nil
	}
	return cost(k, value), b.Delete(k)
}
