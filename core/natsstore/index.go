package natsstore

import (
	"maps"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
)

// maxTombs bounds the number of channels without events whose newest position is
// remembered individually.
const maxTombs = 100_000

// index is what a store knows of the stream: it follows from the messages that
// were read, in their order, and from the marks.
type index struct {
	retention history.Retention
	tell      func(channel string, gone uint64) // of what is trimmed

	order
	channels map[string]*channel
	oldest   lazyheap.Heap[*channel] // all channels, by their oldest event
	bytes    int                     // size of all channels together
	tombs    map[string]uint64       // sequence number of the newest event, by channel without events
	forgot   uint64                  // largest sequence number that foldTombs removed from tombs
	once     onceKeys
	cache    cache
	keys     map[string]keysMark
	loaded   bool // the stream was read to its end once

	rubbish
}

// keysMark says that once keys of a channel are forgotten.
type keysMark struct {
	through uint64
	at      time.Time
}

func newIndex(cfg Config, tell func(string, uint64)) *index {
	r := cfg.Retention
	x := &index{
		retention: r, tell: tell,
		channels: make(map[string]*channel), tombs: make(map[string]uint64),
		once:  onceKeys{window: r.OnceWindow, max: r.OnceKeys},
		cache: cache{max: cfg.CacheBytes},
	}
	x.once.dropped = x.onceDropped
	x.dirty, x.keys = make(map[string]*dirt), make(map[string]keysMark)
	return x
}

// goneFrom returns the sequence number of the newest event of a channel that is
// not in channels, or an upper bound of it.
func (x *index) goneFrom(name string) uint64 {
	if seq, ok := x.tombs[name]; ok {
		return seq
	}
	if history.IsPrivate(name) {
		return 0
	}
	return x.forgot
}

// add adds the event of a record.
func (x *index) add(r history.Record, p history.Position, seq uint64, stamp time.Time) *history.Entry {
	now := time.Now()
	i := newItem(r, p, seq, stamp, now)
	e := i.entry
	if i.once != "" && i.Seq() > x.keys[r.Channel].through {
		x.once.add(r.Channel, i, now)
	}
	x.keep(r.Channel, i)
	return e
}

func (x *index) keep(name string, i *item) {
	c := x.channels[name]
	if c != nil && c.ring.Len() > 0 && !c.keep.Keeps(c.extent(), c.ring.At(0).at, i.at) {
		x.trim(c, i.at) // a new event does not make old ones fresh again
	}
	if c == nil {
		gone := x.goneFrom(name)
		if i.Seq() <= gone {
			x.discard(name, i)
			return
		}
		c = &channel{name: name, keep: x.retention.Of(name), gone: gone}
		delete(x.tombs, name)
		x.channels[name] = c
		x.oldest.Add(c, i.Seq())
		x.bytes += channelOverhead + len(name)
	}
	if i.Seq() <= c.gone {
		x.discard(name, i)
		return
	}
	c.ring.Push(i)
	x.cache.add(i)
	x.bytes += i.Size()
	if i.id != "" {
		if c.chosen == nil {
			c.chosen = make(map[string]uint64)
		}
		c.chosen[i.id] = i.Seq()
	}
	if c.latest != nil && i.key != "" {
		c.latest[i.subject()] = i
	}
}

// settle trims what the records of one call have brought over a bound.
func (x *index) settle(name string, now time.Time) {
	if c := x.channels[name]; c != nil {
		x.trim(c, now)
	}
	if x.loaded && x.retention.TotalBytes > 0 && x.bytes > x.retention.TotalBytes {
		x.reclaim()
	}
}

// raise takes a mark.
func (x *index) raise(m mark) {
	if m.Keys > 0 {
		x.once.forget(m.Channel, m.Keys)
		x.keys[m.Channel] = keysMark{max(m.Keys, x.keys[m.Channel].through), time.Now()}
	}
	c, dropped := x.channels[m.Channel], false
	switch {
	case c == nil && m.Gone > x.goneFrom(m.Channel) && !history.IsPrivate(m.Channel):
		x.entomb(m.Channel, m.Gone)
	case c != nil:
		before := c.gone
		for c.ring.Len() > 0 && c.ring.At(0).Seq() <= m.Gone {
			x.drop(c)
		}
		dropped = before != c.gone
		c.gone = max(c.gone, m.Gone)
		if c.ring.Len() == 0 {
			x.bury(c)
		}
		x.notify(c, before)
	}
	if m.Removing && !dropped {
		x.clean(m.Channel, m.Gone)
	}
}

// bury removes an empty channel, and remembers what of it is gone.
func (x *index) bury(c *channel) {
	delete(x.channels, c.name)
	x.oldest.Remove(c)
	x.bytes -= channelOverhead + len(c.name)
	if !history.IsPrivate(c.name) { // no client comes back to it
		x.entomb(c.name, c.gone)
	}
}

func (x *index) entomb(name string, gone uint64) {
	if len(x.tombs) >= maxTombs {
		x.foldTombs()
	}
	x.tombs[name] = gone
}

// foldTombs replaces the older half of the tombs by one sequence number. A client
// that comes back with an older ID finds a gap on every channel without events,
// except those in tombs.
func (x *index) foldTombs() {
	x.forget(slices.Sorted(maps.Values(x.tombs))[len(x.tombs)/2])
}

// forget replaces the tombs up to a sequence number by that.
func (x *index) forget(through uint64) {
	x.forgot = max(x.forgot, through)
	for name, seq := range x.tombs {
		if seq <= x.forgot {
			delete(x.tombs, name)
			x.unmark(name)
		}
	}
}

// drop removes the channel's oldest event.
func (x *index) drop(c *channel) {
	i := c.ring.Drop()
	x.bytes -= i.Size()
	x.cache.remove(i)
	c.gone = i.Seq()
	if i.id != "" && c.chosen[i.id] == i.Seq() {
		delete(c.chosen, i.id)
	}
	if c.latest != nil && c.latest[i.subject()] == i {
		delete(c.latest, i.subject())
	}
	x.discard(c.name, i)
}

// notify tells what was trimmed since before.
func (x *index) notify(c *channel, before uint64) {
	if c.gone != before {
		x.tell(c.name, c.gone)
	}
}

// trim drops events above the channel's bounds.
func (x *index) trim(c *channel, now time.Time) {
	before := c.gone
	for c.keep.Trims(c.extent(), now) {
		x.drop(c)
	}
	x.notify(c, before)
}

// cutOff drops events of epochs that are not known any more.
func (x *index) cutOff() {
	first := x.segments[0].From
	if o, ok := x.oldest.First((*channel).oldest); !ok || o.ring.At(0).seq >= first {
		return
	}
	for _, c := range x.channels {
		before := c.gone
		for c.ring.Len() > 0 && c.ring.At(0).seq < first {
			x.drop(c)
		}
		if c.ring.Len() == 0 {
			x.bury(c)
		}
		x.notify(c, before)
	}
}

// age trims events that are too old, and buries empty channels.
func (x *index) age(now time.Time) {
	x.once.expire(now)
	for name, k := range x.keys {
		if now.Sub(k.at) > x.retention.OnceWindow {
			delete(x.keys, name)
		}
	}
	for _, c := range x.channels {
		x.trim(c, now)
		if c.ring.Len() == 0 {
			x.bury(c)
		}
	}
}

// reclaim drops the oldest events, whatever their channel, until all are within
// TotalBytes. The newest event of all stays.
func (x *index) reclaim() {
	for x.retention.TotalBytes > 0 && x.bytes > x.retention.TotalBytes {
		c, ok := x.oldest.First((*channel).oldest)
		if !ok || c.ring.At(0).Seq() == x.head {
			return
		}
		before := c.gone
		x.drop(c)
		if c.ring.Len() == 0 {
			x.bury(c)
		}
		x.notify(c, before)
	}
}

// view returns what is kept of channels.
func (x *index) view(channels []string) history.View {
	v := history.View{Epochs: x.epochs, Head: x.head, Channels: make([]history.Kept, len(channels))}
	for i, name := range channels {
		if c := x.channels[name]; c != nil {
			v.Channels[i] = c.kept()
		} else {
			v.Channels[i].Gone = x.goneFrom(name)
		}
	}
	return v
}
