package memstore

import (
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// onceKeys remembers the idempotency keys of published events.
type onceKeys struct {
	// Bounds: how long a key is remembered, and the weight of all keys together
	window time.Duration
	max    int
	weight int

	known  map[onceKey]onceEntry
	newest map[string]string // the key added last, by channel
	queue  []onceQueued      // oldest first; the elements before start are unused
	start  int
}

type onceKey struct{ channel, key string }

type onceEntry struct {
	seq    uint64
	id     string // the app's own ID, or empty
	at     time.Time
	before string // the key added before on the same channel; it may have been dropped
}

type onceQueued struct {
	onceKey

	seq    uint64
	at     time.Time
	weight int
}

// first returns the first event that was published with the record's key, if
// that was within the window.
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
	weight := history.OnceWeight(len(r.Channel) + len(r.Once) + len(r.ID))
	for o.start < len(o.queue) && o.weight+weight > o.max {
		o.pop()
	}
	o.weight += weight
	k := onceKey{r.Channel, r.Once}
	o.known[k] = onceEntry{seq: seq, id: r.ID, at: now, before: o.newest[k.channel]}
	o.newest[k.channel] = k.key
	o.queue = append(o.queue, onceQueued{k, seq, now, weight})
}

// expire drops keys older than the window.
func (o *onceKeys) expire(now time.Time) {
	for o.start < len(o.queue) && now.Sub(o.queue[o.start].at) >= o.window {
		o.pop()
	}
}

// pop drops the oldest key.
func (o *onceKeys) pop() {
	q := o.queue[o.start]
	o.weight -= q.weight
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

// forget drops the keys of a channel. Their elements stay in the queue until
// pop.
func (o *onceKeys) forget(channel string) {
	k := onceKey{channel, o.newest[channel]}
	delete(o.newest, channel)
	// Keys that were added before a dropped key are dropped already.
	for e, ok := o.known[k]; ok; e, ok = o.known[k] {
		delete(o.known, k)
		k.key = e.before
	}
}
