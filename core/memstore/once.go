package memstore

import (
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// onceKeys remembers the keys of what was published once per key.
type onceKeys struct {
	window time.Duration
	max    int

	known  map[onceKey]onceEntry
	newest map[string]string // of each channel, the key that was added last
	queue  []onceQueued      // oldest first, from start on
	start  int
}

type onceKey struct{ channel, key string }

type onceEntry struct {
	seq    uint64
	id     string // the app's own, or empty
	at     time.Time
	before string // the key that was added to the channel before, which may be gone
}

type onceQueued struct {
	onceKey

	seq uint64
	at  time.Time
}

// first returns what was published first with the record's key, if that is
// within the window.
func (o *onceKeys) first(r history.Record, now time.Time) (onceEntry, bool) {
	o.expire(now)
	e, ok := o.known[onceKey{r.Channel, r.Once}]
	return e, ok
}

// add remembers a record's key.
func (o *onceKeys) add(r history.Record, seq uint64, now time.Time) {
	if o.known == nil {
		o.known, o.newest = make(map[onceKey]onceEntry), make(map[string]string)
	}
	for len(o.queue)-o.start >= o.max {
		o.pop()
	}
	k := onceKey{r.Channel, r.Once}
	o.known[k] = onceEntry{seq: seq, id: r.ID, at: now, before: o.newest[k.channel]}
	o.newest[k.channel] = k.key
	o.queue = append(o.queue, onceQueued{k, seq, now})
}

// expire drops what is beyond the window.
func (o *onceKeys) expire(now time.Time) {
	for o.start < len(o.queue) && now.Sub(o.queue[o.start].at) >= o.window {
		o.pop()
	}
}

// pop drops the oldest key.
func (o *onceKeys) pop() {
	q := o.queue[o.start]
	if o.known[q.onceKey].seq == q.seq {
		delete(o.known, q.onceKey)
		if o.newest[q.channel] == q.key {
			delete(o.newest, q.channel)
		}
	}
	o.queue[o.start] = onceQueued{}
	if o.start++; o.start > len(o.queue)/2 {
		o.queue = append(o.queue[:0:0], o.queue[o.start:]...)
		o.start = 0
	}
}

// forget drops the keys of a channel. What is queued for them finds nothing.
func (o *onceKeys) forget(channel string) {
	k := onceKey{channel, o.newest[channel]}
	delete(o.newest, channel)
	// What was added before one that is gone is gone, too.
	for e, ok := o.known[k]; ok; e, ok = o.known[k] {
		delete(o.known, k)
		k.key = e.before
	}
}
