package boltstore

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// bound trims the touched channels, and the total of all channels, and sweeps.
func (c *change) bound() error {
	for _, name := range c.order {
		ch := c.touched[name]
		if ch == nil {
			continue
		}
		keep := c.store.cfg.Retention.Of(name)
		if err := c.dropWhile(ch, func() bool { return keep.Trims(ch.extent(), c.now) }); err != nil {
			return err
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
	w := walk{Kept: history.Kept{Oldest: ch.oldest, Newest: ch.newest}, entries: c.entries, number: ch.number}
	if err := w.Seek(0); err != nil {
		return err
	}
	if w.seq != ch.oldest {
		return damage("entry %d is missing", ch.oldest)
	}
	var drop [][]byte
	for ch.count > 0 && over() {
		if c.trims.spent() {
			c.more = true
			break
		}
		r, _, err := decodeHead(w.value)
		if err != nil {
			return damage("entry %d: %v", ch.oldest, err)
		}
		size, err := c.indexes(ch.number, &r, ch.oldest, dropIndex)
		if err != nil {
			return err
		}
		k := key(ch.number, ch.oldest)
		drop = append(drop, k)
		if err := c.dropped(ch, &w, size+cost(k, w.value)); err != nil {
			return err
		}
	}
	return deleteAll(c.entries, drop)
}

// dropped records that the channel's oldest entry is removed, and moves w to the
// next.
func (c *change) dropped(ch *channel, w *walk, size uint64) error {
	c.trims.pay(size)
	ch.gone = ch.oldest
	ch.count--
	ch.bytes -= size
	c.bytes -= size
	if ch.count == 0 {
		return nil
	}
	if err := w.Next(); err != nil {
		return err
	}
	if w.seq == 0 {
		return damage("entries after %d are missing", ch.gone)
	}
	at, err := entryTime(w.value)
	if err != nil {
		return damage("entry %d: %v", w.seq, err)
	}
	ch.oldest, ch.oldestAt = w.seq, c.clock.trust(w.seq, at)
	return nil
}

// deleteAll deletes keys of a bucket, which are in order: from the last on,
// because each deletion moves the keys after it on the page.
func deleteAll(b *bolt.Bucket, keys [][]byte) error {
	for _, k := range slices.Backward(keys) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// maintain trims entries that are too old, forgets channels without entries,
// and sweeps.
func (c *change) maintain() error {
	c.more = false
	if err := c.bound(); err != nil { // for the channels of pending records
		return err
	}
	for name := range c.writer.known {
		ch := c.current(name)
		if ch == nil {
			continue
		}
		keep := c.store.cfg.Retention.Of(name)
		if !keep.Trims(ch.extent(), c.now) && ch.count > 0 {
			continue
		}
		if c.trims.spent() {
			c.more = true
			break
		}
		if err := c.trim(name, keep); err != nil {
			return err
		}
	}
	return c.sweep(&c.trims)
}

// trim removes what is over a channel's bounds, or the channel.
func (c *change) trim(name string, keep history.ChannelRetention) error {
	ch := c.channel(name)
	if !keep.Forgets(ch.extent(), c.now) {
		if err := c.dropWhile(ch, func() bool { return keep.Trims(ch.extent(), c.now) }); err != nil {
			return err
		}
		if ch.count > 0 {
			return nil
		}
	}
	c.trims.pay(channelCost(name))
	return c.forget(name, ch)
}
