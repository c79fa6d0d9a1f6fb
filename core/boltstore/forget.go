package boltstore

import "github.com/tidings-go/tidings/core/history"

// maxTombs is the number of forgotten channels whose newest entry is kept for
// each one.
const maxTombs = 4096

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
	c.bytes -= ch.bytes + channelCost(name)
	c.touch(name, nil)
	if ch.count > 0 {
		if err := c.sweepLater(ch.number, ch.bytes); err != nil {
			return err
		}
	}
	if err := c.channels.Delete([]byte(name)); err != nil {
		return err
	}
	return c.addTomb(name, ch.gone)
}

// addTomb keeps the newest entry that a forgotten channel had, unless the
// channel is private and thus never comes back.
func (c *change) addTomb(name string, gone uint64) error {
	if history.IsPrivate(name) {
		return nil
	}
	if c.tombs >= maxTombs {
		if err := c.foldTombs(); err != nil {
			return err
		}
	}
	c.tombs++
	return c.tombBucket.Put([]byte(name), key(gone))
}

// foldTombs replaces all tombs by one number.
func (c *change) foldTombs() error {
	err := c.tombBucket.ForEach(func(name, v []byte) error {
		gone, err := c.forgotten(string(name), v)
		c.forgot = max(c.forgot, gone)
		return err
	})
	if err != nil {
		return err
	}
	if err = c.tx.DeleteBucket([]byte(bucketTombs)); err != nil {
		return err
	}
	c.tombs = 0
	c.tombBucket, err = c.tx.CreateBucket([]byte(bucketTombs))
	return err
}
