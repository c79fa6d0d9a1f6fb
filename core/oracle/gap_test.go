package oracle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// reset is the data of the event that reports a gap.
type reset struct {
	Reason  string `json:"reason"`
	Channel string `json:"channel,omitempty"`
	Oldest  string `json:"oldest"`
	Newest  string `json:"newest"`
}

// gap checks an event that reports a gap, and continues after it.
func (c *checker) gap(it item) {
	var r reset
	data, _, _ := strings.Cut(strings.TrimPrefix(string(it.block), "event: reset\ndata: "), "\n")
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		c.fault("got %q: %v", it.block, err)
		return
	}
	want := fmt.Sprintf(`{"reason":%q,"oldest":%q,"newest":%q}`, r.Reason, r.Oldest, r.Newest)
	if r.Channel != "" {
		want = fmt.Sprintf(`{"reason":%q,"channel":%q,"oldest":%q,"newest":%q}`, r.Reason, r.Channel, r.Oldest, r.Newest)
	}
	want = "event: reset\ndata: " + want + "\n"
	id, has := idOf(it.block)
	if has {
		want += "id: " + id + "\n"
	}
	if string(it.block) != want+"\n" {
		c.fault("got %q, want %q", it.block, want+"\n")
	}
	oldest, newest, ok := c.bounds(r, it)
	if !ok {
		return
	}
	if r.Reason == "skipped" {
		c.skipped(r.Channel, oldest, newest, it)
	} else {
		c.lost(r, oldest, newest, it)
	}
	if has {
		gen, seq, ok := c.model.locate(id)
		if !ok || gen != c.v.gen {
			c.fault("a reset with the ID %q, which nobody knows", id)
			return
		}
		c.position(seq, it.at)
	}
}

// bounds returns the bounds in a reset.
func (c *checker) bounds(r reset, it item) (oldest, newest uint64, ok bool) {
	first, oldest, ok1 := c.model.locate(r.Oldest)
	second, newest, ok2 := c.model.locate(r.Newest)
	if !ok1 || !ok2 || first != c.v.gen || second != c.v.gen || oldest > newest || newest > c.g.most(it.at) {
		c.fault("the bounds of %q are no bounds", it.block)
		return 0, 0, false
	}
	return oldest, newest, true
}

// skipped checks a gap on one channel, which the client was too slow for.
func (c *checker) skipped(channel string, oldest, newest uint64, it item) {
	if p := policy(channel); len(c.v.channels[channel]) == 0 || p == "evict" {
		c.fault("skipped on %q, which the stream is not on, or which does not skip", channel)
		return
	}
	if c.reset {
		c.fault("skipped before the client was told that its ID is not known")
	}
	if !c.g.leftRing(channel, oldest, c.rings[policy(channel)], it.at) {
		c.fault("skipped from %d to %d on %s, though the ring has it", oldest, newest, channel)
	}
	for seq := oldest + 1; seq <= newest; seq++ {
		if c.sent[seq] && c.g.events[seq].channel == channel {
			c.fault("event %d is said to be skipped on %s, but came", seq, channel)
		}
	}
	if b := c.begin; b != nil {
		b.seen(it.at)
	}
	c.pass(oldest, it.at, channel)
	c.floor[channel] = max(c.floor[channel], newest)
}

// lost checks a gap on all channels, after which the check starts over.
func (c *checker) lost(r reset, oldest, newest uint64, it item) {
	v := c.v
	if r.Channel != "" {
		c.fault("got %q: want no channel", it.block)
	}
	first := len(v.items) > 3 && v.items[3].at == it.at && &v.items[3].block[0] == &it.block[0]
	switch r.Reason {
	case "trimmed":
		missing := slices.ContainsFunc(c.g.events[c.at+1:], func(e *event) bool {
			return len(v.channels[e.channel]) > 0 && c.g.maybeTrimmed(e, c.keep(e.channel), it.at)
		})
		if !missing || c.reset {
			c.fault("got %q, though history has all that follows", it.block)
		}
	case "unknown", "restarted":
		if !first || !c.unknown(r.Reason, it) {
			c.fault("got %q, though the ID is known", it.block)
		}
	default:
		c.fault("got %q, for no reason", it.block)
	}
	c.retained(oldest, newest, it)
	c.reset = false
	c.begin = c.newBeginning(it.at)
	c.at = 0
	// What was added by then may be part of the new beginning.
	for _, spans := range v.channels {
		for i := range spans {
			if spans[i].addStart < it.at {
				spans[i].addStart = -1
			}
		}
	}
	clear(c.floor)
	clear(c.sent)
}

// unknown reports whether the client's ID may be unknown.
func (c *checker) unknown(reason string, it item) bool {
	want := "unknown"
	if epoch, _, position := parsePosition(c.v.after.id); position && epoch != c.epochNow() {
		want = "restarted"
	}
	if c.reset || reason != want {
		return reason == want
	}
	gen, seq, ok := c.model.locate(c.v.after.id)
	if !ok || gen != c.v.gen || seq == 0 || seq >= uint64(len(c.g.events)) {
		return false
	}
	e := c.g.events[seq]
	surely := slices.ContainsFunc(c.v.channels[e.channel], func(s span) bool { return s.addStart < 0 })
	return e.ev.ID == c.v.after.id && (!surely || c.g.maybeTrimmed(e, c.keep(e.channel), it.at))
}

// epochNow returns the epoch of the visit's hub.
func (c *checker) epochNow() string {
	for epoch, gen := range c.model.epochs {
		if gen == c.v.gen {
			return epoch
		}
	}
	return ""
}

// retained checks the bounds of history in a reset.
func (c *checker) retained(oldest, newest uint64, it item) {
	low := c.g.least(c.v.started)
	mine := func(e *event) bool { return len(c.v.channels[e.channel]) > 0 }
	for seq := uint64(1); seq <= c.g.most(it.at); seq++ {
		e := c.g.events[seq]
		always := slices.Contains(c.v.channels[e.channel], sinceOpen())
		switch {
		case seq < oldest && always && seq <= low && !c.g.maybeTrimmed(e, c.keep(e.channel), it.at):
			c.fault("event %d on %s is kept, and older than the bound %d", seq, e.channel, oldest)
		case seq > newest && always && seq <= low && !c.g.maybeTrimmed(e, c.keep(e.channel), it.at):
			c.fault("event %d on %s is kept, and newer than the bound %d", seq, e.channel, newest)
		case seq == oldest && oldest < newest && (!mine(e) || c.g.surelyTrimmed(e, c.keep(e.channel), c.v.started)):
			c.fault("the bound %d on %s is not kept", oldest, e.channel)
		case seq == newest && oldest < newest && !mine(e):
			c.fault("the bound %d on %s is on another channel", newest, e.channel)
		}
	}
}
