package boltstore

import "container/heap"

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
	oldest := c.byAge()
	for c.bytes > room && len(oldest) > 0 {
		top := heap.Pop(&oldest).(named) //nolint:forcetypeassert,errcheck // Nothing else is pushed.
		until := c.head                  // the newest of all stays
		if len(oldest) > 0 {
			until = min(until, oldest[0].channel.oldest)
		}
		if top.channel.oldest >= until {
			break
		}
		ch := c.channel(top.name)
		if err := c.dropWhile(ch, func() bool { return c.bytes > room && ch.oldest < until }); err != nil {
			return err
		}
		switch {
		case ch.count == 0:
			if err := c.forget(top.name, ch); err != nil {
				return err
			}
		case c.trims.spent():
			return nil
		default:
			heap.Push(&oldest, named{top.name, ch})
		}
	}
	return nil
}

// byAge returns all channels that have entries, in a heap.
func (c *change) byAge() byAge {
	var all byAge
	for name, ch := range c.writer.known {
		if touched, ok := c.touched[name]; ok {
			ch = touched
		}
		if ch != nil && ch.count > 0 {
			all = append(all, named{name, ch})
		}
	}
	for name, ch := range c.touched {
		if c.writer.known[name] == nil && ch != nil && ch.count > 0 {
			all = append(all, named{name, ch})
		}
	}
	heap.Init(&all)
	return all
}

// named is a channel with its name.
type named struct {
	name    string
	channel *channel
}

// byAge is a heap of channels, the one with the oldest entry first.
type byAge []named

// Len implements [heap.Interface].
func (b *byAge) Len() int { return len(*b) }

// Less implements [heap.Interface].
func (b *byAge) Less(i, j int) bool { return (*b)[i].channel.oldest < (*b)[j].channel.oldest }

// Swap implements [heap.Interface].
func (b *byAge) Swap(i, j int) { (*b)[i], (*b)[j] = (*b)[j], (*b)[i] }

// Push implements [heap.Interface].
func (b *byAge) Push(x any) { *b = append(*b, x.(named)) } //nolint:forcetypeassert,errcheck // Nothing else is pushed.

// Pop implements [heap.Interface].
func (b *byAge) Pop() any {
	last := len(*b) - 1
	one := (*b)[last]
	*b = (*b)[:last]
	return one
}
