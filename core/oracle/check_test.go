package oracle_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// check compares what all clients received with the log.
func (f *fixture) check() {
	if err := f.model.index(); err != nil {
		f.Error(err)
		return
	}
	for _, c := range f.clients {
		for _, v := range c.visits {
			if v.opened == 0 {
				if !f.wasDown(v.started, v.ended) {
					f.fault(v, "refused, with status %d", v.status)
				}
				continue
			}
			newChecker(f, v).run()
		}
	}
}

// wasDown reports whether the hub may have been closed between two stamps.
func (f *fixture) wasDown(from, to int64) bool {
	return slices.ContainsFunc(f.downs, func(d span) bool { return d.addStart < to && from < d.addEnd })
}

// maxFaults is the number of faults of one run that are reported.
const maxFaults = 8

// fault reports an error in what a client received on one connection.
func (f *fixture) fault(v *visit, format string, args ...any) {
	f.Helper()
	if f.faults++; f.faults > maxFaults {
		return
	}
	f.Errorf("client %d, visit %s, after %q: "+format, append([]any{v.client.number, v.key, v.after.id}, args...)...)
	f.Logf("    start %+v, channels %q at first, changes %+v, identity %q, groups %+v, modulus %d, reason %v, generation %d, cut %v",
		v.client.start, v.onOpen, v.channels, v.client.identity, v.groups, v.client.modulus, v.reason, v.gen, v.cut)
}

// checker checks what a client received on one connection.
type checker struct {
	*fixture

	v *visit
	g *generation

	at    uint64     // everything up to this position was received
	begin *beginning // where the subscription began without an ID, or nil
	floor map[string]uint64
	sent  map[uint64]bool
	reset bool // a reset must come next
}

func newChecker(f *fixture, v *visit) *checker {
	c := &checker{fixture: f, v: v, floor: make(map[string]uint64), sent: make(map[uint64]bool)}
	c.g = f.model.gens[v.gen]
	return c
}

func (c *checker) fault(format string, args ...any) {
	c.Helper()
	c.fixture.fault(c.v, "at %d: "+format, append([]any{c.at}, args...)...)
}

// run checks the whole connection.
func (c *checker) run() {
	v := c.v
	expected := slices.Sorted(slices.Values(v.expected))
	if !slices.Equal(v.onOpen, expected) {
		c.fault("opened with channels %q, want %q", v.onOpen, expected)
	}
	c.findStart()
	greeting := [][]byte{
		fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()), []byte(": open\n\n"), encode(hello(v.id), ""),
	}
	for i, it := range v.items {
		switch {
		case i < len(greeting):
			if !bytes.Equal(it.block, greeting[i]) {
				c.fault("the greeting has %q, want %q", it.block, greeting[i])
			}
		default:
			c.item(it, i == len(v.items)-1)
		}
	}
	c.partialBlock(greeting)
	if v.last && len(v.onOpen) > 0 {
		c.pass(uint64(len(c.g.events)-1), v.ended, "")
	}
	c.endReason()
}

// findStart determines the position at which the connection begins.
func (c *checker) findStart() {
	v := c.v
	if v.after.id == "" {
		c.begin = c.newBeginning(v.opened)
		return
	}
	gen, seq, ok := c.model.locate(v.after.id)
	switch {
	case v.after.bogus || !ok || gen != v.gen:
		// Without channels, there is nothing that could be missing.
		c.reset = len(v.onOpen) > 0
	default:
		c.at = seq
	}
}

// item checks one block.
func (c *checker) item(it item, last bool) {
	block := it.block
	switch {
	case bytes.HasPrefix(block, []byte("event: reset\n")):
		c.resets.Add(1)
		c.gap(it)
		return
	case block[0] == ':':
		if string(block) != ": \n\n" {
			c.fault("got a comment %q", block)
		}
		return
	case bytes.HasPrefix(block, []byte("retry: ")) && bytes.Count(block, []byte("\n")) == 2:
		c.retryHint(block, last)
		return
	}
	id, ok := idOf(block)
	if !ok {
		c.fault("got a block without an ID: %q", block)
		return
	}
	if c.reset {
		c.fault("got %q, want a reset first: the ID of the client is unknown", block)
		c.reset = false
		return
	}
	gen, seq, known := c.model.locate(id)
	if !known || gen != c.v.gen {
		c.fault("got the unknown ID %q: %q", id, block)
		return
	}
	if string(block) == "id: "+id+"\n\n" {
		c.position(seq, it.at)
		return
	}
	if seq == 0 || seq >= uint64(len(c.g.events)) {
		c.fault("got an event %q that was not published", block)
		return
	}
	c.event(c.g.events[seq], it)
}

// retryHint checks the block that says when to reconnect.
func (c *checker) retryHint(block []byte, last bool) {
	ms, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(string(block), "retry: "), "\n\n"))
	low := int(retry.Milliseconds())
	// No client is sent back to a hub that still drains.
	high := max(2*low, low+int(grace.Milliseconds())+1)
	if err != nil || ms < low || ms > high || !last || !c.wasDown(c.v.started, c.v.ended) {
		c.fault("got %q", block)
	}
}

// position checks a block that contains a position only.
func (c *checker) position(seq uint64, at int64) {
	if seq > c.g.most(at) {
		c.fault("the client is told to stand at %d, which was not yet published", seq)
		return
	}
	if b := c.begin; b != nil {
		b.seen(at)
		if b.from == "live" {
			if low, high := c.g.least(b.low), b.until; seq < low || seq > high {
				c.fault("it begins live at %d, want between %d and %d", seq, low, high)
			}
			c.at, c.begin = seq, nil
			return
		}
	}
	if seq < c.at {
		c.fault("the client is told to stand at %d, behind", seq)
		return
	}
	c.pass(seq, at, "")
	c.at = seq
}

// event checks an event.
func (c *checker) event(e *event, it item) {
	c.checked.Add(1)
	if !bytes.Equal(it.block, e.frame) {
		c.fault("event %d on %s: got %q, want %q", e.seq, e.channel, it.block, e.frame)
	}
	if c.begin == nil || c.at > 0 {
		if e.seq <= c.at {
			c.fault("event %d on %s came again, or too late", e.seq, e.channel)
			return
		}
	}
	if e.seq <= c.floor[e.channel] {
		c.fault("event %d on %s came, though it was said to be skipped up to %d", e.seq, e.channel, c.floor[e.channel])
	}
	if why := c.mustNotReceive(e, it.at); why != "" {
		c.fault("event %d on %s to %s came: %s", e.seq, e.channel, e.to, why)
	}
	c.confirm(e, it.at)
	c.sent[e.seq] = true
	if b := c.begin; b != nil {
		b.seen(it.at)
		if why := c.tooEarly(e); why != "" {
			c.fault("event %d on %s came: %s", e.seq, e.channel, why)
		}
	}
	c.pass(e.seq, it.at, "")
	c.at = e.seq
}

// pass checks that the client has received everything up to a position that it
// must have received at a stamp, on one channel or on all.
func (c *checker) pass(to uint64, at int64, channel string) {
	for seq := c.at + 1; seq <= to; seq++ {
		e := c.g.events[seq]
		if c.sent[seq] || channel != "" && e.channel != channel || !c.mustReceive(e, at) {
			continue
		}
		c.fault("event %d on %s to %s, key %q, is missing before %d", seq, e.channel, e.to, e.ev.Key, to)
		c.sent[seq] = true // reported once
	}
}

// partialBlock checks the data after the last complete block: the beginning of
// another one.
func (c *checker) partialBlock(greeting [][]byte) {
	v := c.v
	if len(v.rest) == 0 {
		return
	}
	could := func(whole []byte) bool { return bytes.HasPrefix(whole, v.rest) }
	if len(v.items) < len(greeting) {
		if !could(greeting[len(v.items)]) {
			c.fault("it ends with %q, want the beginning of %q", v.rest, greeting[len(v.items)])
		}
		return
	}
	for _, e := range c.g.events[1:] {
		if e.seq > c.at && could(e.frame) && c.mustNotReceive(e, v.ended) == "" {
			return
		}
	}
	for _, other := range []string{": \n\n", "event: reset\n", "id: ", "retry: "} {
		if could([]byte(other)) || bytes.HasPrefix(v.rest, []byte(other)) {
			return
		}
	}
	c.fault("it ends with %q, which nothing begins with that the client could get", v.rest)
}

// endReason checks the reason for the stream's end.
func (c *checker) endReason() {
	v := c.v
	switch reason := v.reason; {
	case errors.Is(reason, core.ErrSlow):
		c.evicted.Add(1)
		for name := range v.channels {
			if policy(name) == "evict" && c.g.leftRing(name, c.at, c.rings["evict"], v.leftAt) {
				return
			}
		}
		c.fault("evicted, though the rings have all that it needs")
	case errors.Is(reason, core.ErrDraining), errors.Is(reason, core.ErrHubClosed):
		if !c.wasDown(v.started, v.leftAt) {
			c.fault("ended for %v, though no hub was closed", reason)
		}
	case errors.Is(reason, core.ErrExpired):
		if !v.closed {
			c.fault("ended for %v", reason)
		}
	case errors.Is(reason, core.ErrClientGone):
		if !v.cut && !v.last && !c.wasDown(v.started, v.ended) {
			c.fault("ended for %v, though the client was there", reason)
		}
	default:
		c.fault("ended for %v", reason)
	}
	if v.status != http.StatusOK {
		c.fault("got status %d", v.status)
	}
}
