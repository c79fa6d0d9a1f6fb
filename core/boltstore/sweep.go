package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// sweepLater records that entries of so many bytes are left of a forgotten
// channel.
func (c *change) sweepLater(channel, left uint64) error {
	c.swept, c.more = true, true
	c.unswept += left
	return c.sweepOrder.Put(number(channel), number(left))
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
		if len(v) != 8 {
			return damage("what is left of channel %x", k)
		}
		if err := c.sweepOne(b, bytes.Clone(k), binary.BigEndian.Uint64(v)); err != nil {
			return err
		}
	}
	return nil
}

// sweepOne removes the entries of one forgotten channel, of which left bytes
// remain, and its indexes, within the budget.
func (c *change) sweepOne(b *budget, prefix []byte, left uint64) error {
	c.removed = true
	more := false
	for _, bucket := range []*bolt.Bucket{c.entries, c.ids, c.keys} {
		var drop [][]byte
		cursor := bucket.Cursor()
		for k, v := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
			if more = b.spent(); more {
				break
			}
			if bucket == c.entries {
				left -= min(left, cost(v))
				c.unswept -= min(c.unswept, cost(v))
				b.pay(cost(v))
			} else {
				b.pay(uint64(len(k)) + entryCost)
			}
			drop = append(drop, bytes.Clone(k))
		}
		for _, key := range slices.Backward(drop) { // from the last on, as when trimming
			if err := bucket.Delete(key); err != nil {
				return err
			}
		}
		if more {
			return c.sweepOrder.Put(prefix, number(left))
		}
	}
	b.pay(0)
	return c.sweepOrder.Delete(prefix)
}
