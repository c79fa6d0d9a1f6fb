package boltstore

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// sweepLater records that so many bytes are left of a forgotten channel.
func (c *change) sweepLater(channel, left uint64) error {
	c.swept, c.more = true, true
	c.unswept += left
	return c.sweepOrder.Put(key(channel), key(left))
}

// sweep removes the entries and indexes of forgotten channels, within the
// budget.
func (c *change) sweep(b *budget) error {
	for c.swept {
		k, v := c.sweepOrder.Cursor().First()
		if k == nil {
			c.swept, c.unswept = false, 0
			return nil
		}
		if b.spent() {
			c.more = true
			return nil
		}
		var left uint64
		if err := decode(v, &left); err != nil {
			return damage("rest of channel %x: %v", k, err)
		}
		if err := c.sweepOne(b, k, left); err != nil {
			return err
		}
	}
	return nil
}

// sweepOne removes the entries of one forgotten channel, of which left bytes
// remain, and its indexes, within the budget.
func (c *change) sweepOne(b *budget, prefix []byte, left uint64) error {
	c.dirty = true
	for _, bucket := range []*bolt.Bucket{c.entries, c.ids, c.keys} {
		var drop [][]byte
		cursor := bucket.Cursor()
		k, v := cursor.Seek(prefix)
		for ; bytes.HasPrefix(k, prefix) && !b.spent(); k, v = cursor.Next() {
			size := cost(k, v)
			b.pay(size)
			left -= min(left, size)
			c.unswept -= min(c.unswept, size)
			drop = append(drop, k)
		}
		if err := deleteAll(bucket, drop); err != nil {
			return err
		}
		if bytes.HasPrefix(k, prefix) {
			return c.sweepOrder.Put(prefix, key(left))
		}
	}
	b.pay(0)
	return c.sweepOrder.Delete(prefix)
}
