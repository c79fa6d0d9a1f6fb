package oracle_test

import "slices"

// beginning is where a subscription without a last event ID begins, and which
// events it may leave out.
type beginning struct {
	start

	low   int64  // a stamp before it
	first int64  // the stamp of what came first, or 0
	until uint64 // what is newer comes live, whatever the start
}

// newBeginning returns a beginning before a stamp.
func (c *checker) newBeginning(high int64) *beginning {
	return &beginning{start: c.v.client.start, low: c.v.started, until: c.g.most(high)}
}

// seen records the stamp of the first receipt.
func (b *beginning) seen(at int64) {
	if b.first == 0 {
		b.first = at
	}
}

// keep returns the number of events that history keeps of a channel.
func (c *checker) keep(channel string) int { return c.keeps[policy(channel)] }

// mustReceive reports whether the client must have received an event before a
// later one that it received at this stamp.
func (c *checker) mustReceive(e *event, at int64) bool {
	switch {
	case e.seq <= c.floor[e.channel], !passes(c.v.client.modulus, e.number):
		return false
	case !c.addressed(e, at), !c.subscribed(e, at):
		return false
	case policy(e.channel) == "conflate" && superseded(e, at):
		return false
	}
	return c.begin == nil || !c.excused(e, at)
}

// superseded reports whether there may have been a later event of the same key.
func superseded(e *event, at int64) bool { return e.next != nil && e.next.possible < at }

// excused reports whether the beginning of the subscription may leave out an
// event.
func (c *checker) excused(e *event, at int64) bool {
	b := c.begin
	switch b.from {
	case "earliest":
		return c.g.maybeTrimmed(e, c.keep(e.channel), b.first)
	case "last":
		could := func(x *event) bool {
			return x.possible < b.first && !c.g.surelyTrimmed(x, c.keep(x.channel), b.low)
		}
		return e.seq <= b.until && (c.g.maybeTrimmed(e, c.keep(e.channel), b.first) || c.newer(e, b.n, could))
	case "snapshot":
		return e.seq <= b.until &&
			(e.ev.Key == "" || c.g.maybeTrimmed(e, c.keep(e.channel), at) || superseded(e, at))
	}
	return false
}

// newer reports whether a condition holds for n events after e, on the channels
// that the stream ever had.
func (c *checker) newer(e *event, n int, holds func(*event) bool) bool {
	for _, x := range c.g.events[e.seq+1:] {
		if len(c.v.channels[x.channel]) == 0 || !holds(x) {
			continue
		}
		if n--; n == 0 {
			return true
		}
	}
	return false
}

// tooEarly returns the reason why an event is before the beginning of the
// subscription, or nothing.
func (c *checker) tooEarly(e *event) string {
	b := c.begin
	if e.seq > c.g.least(b.low) {
		if b.from == "snapshot" && e.ev.Key == "" {
			// It is no part of the snapshot, so the snapshot ends before it.
			b.until = min(b.until, e.seq-1)
		}
		if b.from == "live" {
			return "before the client was told where it stands"
		}
		return ""
	}
	sure := func(x *event) bool { return x.sure < b.low }
	kept := func(x *event) bool { return sure(x) && !c.g.maybeTrimmed(x, c.keep(x.channel), b.first) }
	changed := slices.ContainsFunc(allChannels(), func(name string) bool {
		return slices.ContainsFunc(c.v.channels[name], func(s span) bool { return s != sinceOpen() })
	})
	switch {
	case b.from == "live":
		return "published before the subscription began"
	case c.g.surelyTrimmed(e, c.keep(e.channel), b.low):
		return "history had lost it"
	case b.from == "last" && !changed && c.newer(e, b.n, kept):
		return "there were enough after it"
	case b.from == "snapshot" && e.ev.Key == "":
		return "it has no key, and a snapshot was asked for"
	case b.from == "snapshot" && e.next != nil && sure(e.next):
		return "there was a later one of its key"
	}
	return ""
}

// addressed reports whether the stream was certainly in an event's audience,
// from when it was published up to a stamp.
func (c *checker) addressed(e *event, at int64) bool {
	switch e.to.kind {
	case "":
		return true
	case "identity":
		return e.to.name == c.v.client.identity
	case "stream":
		return e.to.name == c.v.id
	}
	return slices.ContainsFunc(c.v.groups[e.to.name], func(s span) bool {
		return s.addEnd < e.possible && at < s.removeStart
	})
}

// subscribed reports whether the stream was certainly on an event's channel.
func (c *checker) subscribed(e *event, at int64) bool {
	return slices.ContainsFunc(c.v.channels[e.channel], func(s span) bool {
		return (s.addEnd < e.possible || s.seen > 0 && e.seq > s.seen) && at < s.removeStart
	})
}

// mustNotReceive returns the reason why an event must not be received at a
// stamp, or nothing.
func (c *checker) mustNotReceive(e *event, at int64) string {
	if !passes(c.v.client.modulus, e.number) {
		return "the filter does not let it through"
	}
	switch e.to.kind {
	case "identity":
		if e.to.name != c.v.client.identity {
			return "the stream belongs to somebody else"
		}
	case "stream":
		if e.to.name != c.v.id {
			return "it is for another stream"
		}
	case "group":
		in := slices.ContainsFunc(c.v.groups[e.to.name], func(s span) bool {
			return s.addStart < at && e.possible < s.removeEnd
		})
		if !in {
			return "the stream was not in the group"
		}
	}
	if len(c.on(e, at)) == 0 {
		return "the stream was not on the channel"
	}
	return ""
}

// on returns the times on an event's channel in which it may have come.
func (c *checker) on(e *event, at int64) (on []*span) {
	spans := c.v.channels[e.channel]
	for i := range spans {
		if s := &spans[i]; s.addStart < at && s.addStart < e.sure && e.possible < s.removeEnd {
			on = append(on, s)
		}
	}
	return on
}

// confirm records the receipt of an event that was published while its channel
// was being added: later events of the channel must be received, too.
func (c *checker) confirm(e *event, at int64) {
	on := c.on(e, at)
	if len(on) != 1 || e.possible > on[0].addEnd {
		return
	}
	if s := on[0]; s.seen == 0 || e.seq < s.seen {
		s.seen = e.seq
	}
}
