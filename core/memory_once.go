package core

import "time"

// onceKeys remembers the keys of what was published once per key.
type onceKeys struct {
	window time.Duration
	max    int

	known map[onceKey]onceEntry
	queue []onceQueued // oldest first, from start on
	start int
}

type onceKey struct{ channel, key string }

type onceEntry struct {
	seq uint64
	id  string // the app's own, or empty
	at  time.Time
}

type onceQueued struct {
	onceKey

	seq uint64
	at  time.Time
}

// first returns what was published first with the record's key, if that is
// within the window.
func (o *onceKeys) first(r Record, now time.Time) (onceEntry, bool) {
	o.expire(now)
	e, ok := o.known[onceKey{r.Channel, r.Once}]
	return e, ok
}

// add remembers a record's key.
func (o *onceKeys) add(r Record, seq uint64, now time.Time) {
	if o.known == nil {
		o.known = make(map[onceKey]onceEntry)
	}
	for len(o.queue)-o.start >= o.max {
		o.pop()
	}
	k := onceKey{r.Channel, r.Once}
	o.known[k] = onceEntry{seq: seq, id: r.ID, at: now}
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
	}
	o.queue[o.start] = onceQueued{}
	if o.start++; o.start > len(o.queue)/2 {
		o.queue = append(o.queue[:0:0], o.queue[o.start:]...)
		o.start = 0
	}
}

// forget drops the keys of a channel. What is queued for them finds nothing.
func (o *onceKeys) forget(channel string) {
	for k := range o.known {
		if k.channel == channel {
			delete(o.known, k)
		}
	}
}
