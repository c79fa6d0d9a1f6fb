package natsstore

import "slices"

// cache holds the events themselves, the newest of all channels.
type cache struct {
	max   int
	bytes int
	count int
	queue []*item // oldest first; some are not in the cache any more
	start int
}

// add puts an item's event into the cache, and removes others above the bound.
func (c *cache) add(i *item) {
	if i.Size() > c.max {
		i.entry = nil
		return
	}
	c.queue = append(c.queue, i)
	c.bytes += i.Size()
	c.count++
	for c.bytes > c.max || c.start < len(c.queue) && c.queue[c.start].entry == nil {
		c.remove(c.queue[c.start])
		c.queue[c.start] = nil
		c.start++
	}
	if len(c.queue) > 2*c.count+1024 {
		c.queue = slices.DeleteFunc(c.queue[c.start:], func(i *item) bool { return i.entry == nil })
		c.start = 0
	}
}

// remove removes an item's event from the cache, if it is there.
func (c *cache) remove(i *item) {
	if i.entry == nil {
		return
	}
	i.entry = nil
	c.bytes -= i.Size()
	c.count--
}
