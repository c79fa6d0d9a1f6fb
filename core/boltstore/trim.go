package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/tidings-go/tidings/core/history"
)

// maxTombs is the number of forgotten channels whose newest entry is kept for
// each one.
const maxTombs = 4096

// bound trims the touched channels, and the total of all channels, and sweeps.
func (c *change) bound() error {
	for _, name := range c.order {
		if ch := c.touched[name]; ch != nil {
			keep := c.store.cfg.Retention.Of(name)
			if err := c.dropWhile(ch, func() bool { return keep.Trims(ch.extent(), c.now) }); err != nil {
				return err
			}
		}
	}
	if err := c.reclaim(); err != nil {
		return err
	}
	return c.sweep(&c.sweeps)
}

// dropWhile removes the channel's oldest entries while over returns true and
// there are any, within the budget.
func (c *change) dropWhile(ch *channel, over func() bool) error {
	if ch.count == 0 || !over() {
		return nil
	}
	cursor := c.entries.Cursor()
	k, v := cursor.Seek(pair(ch.number, ch.oldest))
	var drop [][]byte
	for ch.count > 0 && over() {
		if c.trims.spent() {
			c.more = true
			break
		}
		c.trims.pay(cost(v))
		if len(k) != 16 || !bytes.Equal(k, pair(ch.number, ch.oldest)) {
			return damage("entry %d is missing", ch.oldest)
		}
		if err := c.unindex(ch, v); err != nil {
			return err
		}
		drop = append(drop, pair(ch.number, ch.oldest))
		ch.gone = ch.oldest
		ch.count--
		ch.bytes -= cost(v)
		c.bytes -= cost(v)
		if ch.count == 0 {
			break
		}
		if k, v = cursor.Next(); len(k) != 16 || binary.BigEndian.Uint64(k) != ch.number {
			return damage("entries after %d are missing", ch.oldest)
		}
		at, err := entryTime(v)
		if err != nil {
			return damage("entry: %v", err)
		}
		ch.oldest = binary.BigEndian.Uint64(k[8:])
		ch.oldestAt = c.clock.trust(ch.oldest, at)
	}
	// From the last on: each removal moves the keys after it on the page.
	for _, key := range slices.Backward(drop) {
		if err := c.entries.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// unindex removes the ID and key that refer to the channel's oldest entry.
func (c *change) unindex(ch *channel, value []byte) error {
	r, _, _, err := decodeHead(value)
	if err != nil {
		return damage("entry %d: %v", ch.oldest, err)
	}
	own := number(ch.oldest)
	if r.ID != "" {
		if key := idKey(ch.number, r.ID); bytes.Equal(c.ids.Get(key), own) {
			if err := c.ids.Delete(key); err != nil {
				return err
			}
		}
	}
	if r.Key != "" {
		if key := snapshotKey(ch.number, r.To.String(), r.Key); bytes.Equal(c.keys.Get(key), own) {
			return c.keys.Delete(key)
		}
	}
	return nil
}

// forgetAll drops a channel and its once keys.
func (c *change) forgetAll(name string) error {
	if err := c.forgetOnce(name); err != nil {
		return err
	}
	if ch := c.channel(name); ch != nil {
		return c.forget(name, ch)
	}
	return nil
}

// forget drops a channel. Without its name, its entries are out of reach; they
// are swept later.
func (c *change) forget(name string, ch *channel) error {
	if ch.count > 0 {
		ch.gone = ch.newest
	}
	c.notice(name, ch)
	c.bytes -= ch.bytes + channelCost + uint64(len(name))
	c.touch(name, nil)
	if ch.count > 0 {
		if err := c.sweepLater(ch.number, ch.bytes); err != nil {
			return err
		}
	}
	if err := c.channels.Delete([]byte(name)); err != nil {
		return err
	}
	return c.bury(name, ch.gone)
}

// bury keeps the newest removed entry of a forgotten channel in a tomb, unless
// the channel is private and thus never comes back.
func (c *change) bury(name string, gone uint64) error {
	if history.IsPrivate(name) {
		return nil
	}
	if c.tombs >= maxTombs {
		cursor := c.tombBucket.Cursor()
		for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
			if len(v) != 8 {
				return damage("tomb")
			}
			c.forgot = max(c.forgot, binary.BigEndian.Uint64(v))
		}
		if err := c.tx.DeleteBucket([]byte(bucketTombs)); err != nil {
			return err
		}
		var err error
		if c.tombBucket, err = c.tx.CreateBucket([]byte(bucketTombs)); err != nil {
			return err
		}
		c.tombs = 0
	}
	c.tombs++
	return c.tombBucket.Put([]byte(name), number(gone))
}

// maintain trims entries that are too old, forgets channels without entries,
// and sweeps.
func (c *change) maintain() error {
	c.more = false
	if err := c.bound(); err != nil { // for the channels of pending records
		return err
	}
	for name, known := range c.writer.known {
		if touched, ok := c.touched[name]; ok {
			known = touched
		}
		if known == nil {
			continue
		}
		keep := c.store.cfg.Retention.Of(name)
		if !keep.Trims(known.extent(), c.now) && known.count > 0 {
			continue
		}
		if c.trims.spent() {
			c.more = true
			break
		}
		ch := c.channel(name)
		if ch.count > 0 && !keep.Forgets(ch.extent(), c.now) {
			if err := c.dropWhile(ch, func() bool { return keep.Trims(ch.extent(), c.now) }); err != nil {
				return err
			}
		}
		if ch.count == 0 || keep.Forgets(ch.extent(), c.now) {
			c.trims.pay(channelCost)
			if err := c.forget(name, ch); err != nil {
				return err
			}
		}
	}
	return c.sweep(&c.trims)
}
