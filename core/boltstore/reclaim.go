package boltstore

import "github.com/tidings-go/tidings/core/internal/lazyheap"

// reclaim drops the oldest entries of all channels until they fit TotalBytes
// again. It drops some more than needed, because it looks at every channel. The
// rest of forgotten channels goes first.
func (c *change) reclaim() error {
	total := uint64(c.store.cfg.Retention.TotalBytes) //nolint:gosec // It is not negative.
	if total == 0 || c.bytes+c.unswept <= total {
		return nil
	}
	if err := c.sweep(&c.trims); err != nil || c.unswept > 0 || c.bytes <= total {
		return err
	}
	room := total - total/16
	all := c.byAge()
	for c.bytes > room {
		top, ok := all.First(aged.oldest)
		if !ok {
			return nil
		}
		all.Remove(top)
		until := c.head // the newest of all stays
		if next, ok := all.First(aged.oldest); ok {
			until = min(until, next.oldest())
		}
		if top.oldest() >= until {
			return nil
		}
		ch := c.channel(top.name)
		if err := c.dropWhile(ch, func() bool { return c.bytes > room && ch.oldest < until }); err != nil {
			return err
		}
		if c.trims.spent() && ch.count > 0 {
			return nil
		}
		if ch.count == 0 {
			if err := c.forget(top.name, ch); err != nil {
				return err
			}
			continue
		}
		top.channel = ch
		all.Add(top, ch.oldest)
	}
	return nil
}

// byAge returns all channels that have entries.
func (c *change) byAge() (all lazyheap.Heap[aged]) {
	add := func(name string, ch *channel) {
		if ch != nil && ch.count > 0 {
			all.Add(aged{name, ch, new(lazyheap.Handle)}, ch.oldest)
		}
	}
	for name := range c.writer.known {
		add(name, c.current(name))
	}
	for name, ch := range c.touched {
		if c.writer.known[name] == nil {
			add(name, ch)
		}
	}
	return all
}

// aged is a channel in a heap.
type aged struct {
	name    string
	channel *channel
	place   *lazyheap.Handle
}

// Handle returns the channel's place in the heap.
func (a aged) Handle() *lazyheap.Handle { return a.place }

func (a aged) oldest() uint64 { return a.channel.oldest }
