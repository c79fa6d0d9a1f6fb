package natsstore

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

	known   map[onceKey]onceEntry
	keys    map[string]map[string]struct{} // by channel
	queue   []onceQueued                   // oldest first; the elements before start are unused
	start   int
	dropped func(onceKey, onceEntry) // called when a key is not known any more
}

type onceKey struct{ channel, key string }

type onceEntry struct {
	position history.Position
	seq      uint64 // in the stream
	id       string // the app's own ID, or empty
	stamp    time.Time
	at       time.Time // the same, but not in the future
	weight   int
}

type onceQueued struct {
	onceKey

	seq uint64
}

// first returns the first event that was published with a key, if that was within
// the window.
func (o *onceKeys) first(channel, key string, now time.Time) (onceEntry, bool) {
	o.expire(now)
	e, ok := o.known[onceKey{channel, key}]
	return e, ok
}

// add remembers the key of an event. A key that is known stays that of the first.
func (o *onceKeys) add(channel string, i *item, now time.Time) {
	k := onceKey{channel, i.once}
	e := onceEntry{position: i.position, seq: i.seq, id: i.id, stamp: i.stamp, at: i.at}
	if o.expire(now); now.Sub(i.at) >= o.window {
		return
	}
	e.weight = history.OnceWeight(len(channel) + len(i.once) + len(i.id))
	if o.known == nil {
		o.known, o.keys = make(map[onceKey]onceEntry), make(map[string]map[string]struct{})
	}
	for o.start < len(o.queue) && o.weight+e.weight > o.max {
		o.pop()
	}
	if before, ok := o.known[k]; ok { // it was dropped elsewhere, a moment before it was here
		o.weight -= before.weight
	}
	o.weight += e.weight
	o.known[k] = e
	if o.keys[channel] == nil {
		o.keys[channel] = make(map[string]struct{})
	}
	o.keys[channel][i.once] = struct{}{}
	o.queue = append(o.queue, onceQueued{k, i.seq})
}

// expire drops keys older than the window.
func (o *onceKeys) expire(now time.Time) {
	for o.start < len(o.queue) {
		q := o.queue[o.start]
		if e, ok := o.known[q.onceKey]; ok && e.seq == q.seq && now.Sub(e.at) < o.window {
			return
		}
		o.pop()
	}
}

// pop drops the oldest key.
func (o *onceKeys) pop() {
	q := o.queue[o.start]
	if o.known[q.onceKey].seq == q.seq {
		o.drop(q.onceKey)
	}
	o.queue[o.start] = onceQueued{}
	if o.start++; o.start > len(o.queue)/2 {
		o.queue = append(o.queue[:0:0], o.queue[o.start:]...)
		o.start = 0
	}
}

func (o *onceKeys) drop(k onceKey) {
	e := o.known[k]
	o.weight -= e.weight
	delete(o.known, k)
	delete(o.keys[k.channel], k.key)
	if len(o.keys[k.channel]) == 0 {
		delete(o.keys, k.channel)
	}
	o.dropped(k, e)
}

// forget drops the keys of a channel's events up to a sequence number.
func (o *onceKeys) forget(channel string, through uint64) {
	for key := range o.keys[channel] {
		if k := (onceKey{channel, key}); o.known[k].position.Seq <= through {
			o.drop(k)
		}
	}
}
