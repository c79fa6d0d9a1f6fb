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
func (w *fixture) check() {
	if err := w.model.index(); err != nil {
		w.Error(err)
		return
	}
	for _, c := range w.clients {
		for _, v := range c.visits {
			if v.opened == 0 {
				if !w.wasDown(v.started, v.ended) {
					w.fault(v, "refused, with status %d", v.status)
				}
				continue
			}
			newChecker(w, v).run()
		}
	}
}

// wasDown reports whether the hub may have been closed between two stamps.
func (w *fixture) wasDown(from, to int64) bool {
	return slices.ContainsFunc(w.downs, func(d span) bool { return d.addStart < to && from < d.addEnd })
}

// maxFaults is how many faults of one run are told.
const maxFaults = 8

// fault says what is wrong.
func (w *fixture) fault(v *visit, format string, args ...any) {
	w.Helper()
	if w.faults++; w.faults > maxFaults {
		return
	}
	w.Errorf("client %d, visit %s, after %q: "+format, append([]any{v.client.number, v.key, v.after.id}, args...)...)
	w.Logf("    start %+v, channels %q at first, changes %+v, identity %q, groups %+v, modulus %d, reason %v, generation %d, cut %v",
		v.client.start, v.onOpen, v.channels, v.client.identity, v.groups, v.client.modulus, v.reason, v.gen, v.cut)
}

// checker goes through what a client received on one connection.
type checker struct {
	*fixture

	v *visit
	g *generation

	at    uint64     // all that the client is to get up to here has come
	begin *beginning // where the subscription began without an ID, or nil
	floor map[string]uint64
	sent  map[uint64]bool
	reset bool // one is due
}

func newChecker(w *fixture, v *visit) *checker {
	k := &checker{fixture: w, v: v, floor: make(map[string]uint64), sent: make(map[uint64]bool)}
	k.g = w.model.gens[v.gen]
	return k
}

func (k *checker) fault(format string, args ...any) {
	k.Helper()
	k.fixture.fault(k.v, "at %d: "+format, append([]any{k.at}, args...)...)
}

// run goes through everything.
func (k *checker) run() {
	v := k.v
	expected := slices.Sorted(slices.Values(v.expected))
	if !slices.Equal(v.onOpen, expected) {
		k.fault("opened with channels %q, want %q", v.onOpen, expected)
	}
	k.findStart()
	greeting := [][]byte{
		fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()), []byte(": open\n\n"), encode(hello(v.id), ""),
	}
	for i, it := range v.items {
		switch {
		case i < len(greeting):
			if !bytes.Equal(it.block, greeting[i]) {
				k.fault("the greeting has %q, want %q", it.block, greeting[i])
			}
		default:
			k.item(it, i == len(v.items)-1)
		}
	}
	k.partialBlock(greeting)
	if v.last && len(v.onOpen) > 0 {
		k.pass(uint64(len(k.g.events)-1), v.ended, "")
	}
	k.endReason()
}

// findStart finds out where the connection begins.
func (k *checker) findStart() {
	v := k.v
	if v.after.id == "" {
		k.begin = k.newBeginning(v.opened)
		return
	}
	gen, seq, ok := k.model.locate(v.after.id)
	switch {
	case v.after.bogus || !ok || gen != v.gen:
		// Without channels, there is nothing that could be missing.
		k.reset = len(v.onOpen) > 0
	default:
		k.at = seq
	}
}

// item checks one block.
func (k *checker) item(it item, last bool) {
	block := it.block
	switch {
	case bytes.HasPrefix(block, []byte("event: reset\n")):
		k.resets.Add(1)
		k.gap(it)
		return
	case block[0] == ':':
		if string(block) != ": \n\n" {
			k.fault("got a comment %q", block)
		}
		return
	case bytes.HasPrefix(block, []byte("retry: ")) && bytes.Count(block, []byte("\n")) == 2:
		k.retryHint(block, last)
		return
	}
	id, ok := idOf(block)
	if !ok {
		k.fault("got a block without an ID: %q", block)
		return
	}
	if k.reset {
		k.fault("got %q, want a reset first: nobody knows what the client has seen", block)
		k.reset = false
		return
	}
	gen, seq, known := k.model.locate(id)
	if !known || gen != k.v.gen {
		k.fault("got the ID %q, which nobody knows: %q", id, block)
		return
	}
	if string(block) == "id: "+id+"\n\n" {
		k.position(seq, it.at)
		return
	}
	if seq == 0 || seq >= uint64(len(k.g.events)) {
		k.fault("got an event %q that nobody published", block)
		return
	}
	k.event(k.g.events[seq], it)
}

// retryHint checks what tells the client when to come back.
func (k *checker) retryHint(block []byte, last bool) {
	ms, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(string(block), "retry: "), "\n\n"))
	low := int(retry.Milliseconds())
	if err != nil || ms < low || ms > 2*low || !last || !k.wasDown(k.v.started, k.v.ended) {
		k.fault("got %q", block)
	}
}

// position checks what tells the client where it stands.
func (k *checker) position(seq uint64, at int64) {
	if seq > k.g.most(at) {
		k.fault("the client is told to stand at %d, which was not yet published", seq)
		return
	}
	if b := k.begin; b != nil {
		b.seen(at)
		if b.from == "live" {
			if low, high := k.g.least(b.low), b.until; seq < low || seq > high {
				k.fault("it begins live at %d, want between %d and %d", seq, low, high)
			}
			k.at, k.begin = seq, nil
			return
		}
	}
	if seq < k.at {
		k.fault("the client is told to stand at %d, behind", seq)
		return
	}
	k.pass(seq, at, "")
	k.at = seq
}

// event checks an event.
func (k *checker) event(e *event, it item) {
	k.checked.Add(1)
	if !bytes.Equal(it.block, e.frame) {
		k.fault("event %d on %s: got %q, want %q", e.seq, e.channel, it.block, e.frame)
	}
	if k.begin == nil || k.at > 0 {
		if e.seq <= k.at {
			k.fault("event %d on %s came again, or too late", e.seq, e.channel)
			return
		}
	}
	if e.seq <= k.floor[e.channel] {
		k.fault("event %d on %s came, though it was said to be skipped up to %d", e.seq, e.channel, k.floor[e.channel])
	}
	if why := k.mustNotReceive(e, it.at); why != "" {
		k.fault("event %d on %s to %s came: %s", e.seq, e.channel, e.to, why)
	}
	k.confirm(e, it.at)
	k.sent[e.seq] = true
	if b := k.begin; b != nil {
		b.seen(it.at)
		if why := k.tooEarly(e); why != "" {
			k.fault("event %d on %s came: %s", e.seq, e.channel, why)
		}
	}
	k.pass(e.seq, it.at, "")
	k.at = e.seq
}

// pass checks that everything that the client is to get up to a place has come,
// at the stamp of what came from there; on one channel, or on all.
func (k *checker) pass(to uint64, at int64, channel string) {
	for seq := k.at + 1; seq <= to; seq++ {
		e := k.g.events[seq]
		if k.sent[seq] || channel != "" && e.channel != channel || !k.mustReceive(e, at) {
			continue
		}
		k.fault("event %d on %s to %s, key %q, is missing before %d", seq, e.channel, e.to, e.ev.Key, to)
		k.sent[seq] = true // told once
	}
}

// partialBlock checks what came behind the last block: the beginning of another one.
func (k *checker) partialBlock(greeting [][]byte) {
	v := k.v
	if len(v.rest) == 0 {
		return
	}
	could := func(whole []byte) bool { return bytes.HasPrefix(whole, v.rest) }
	if len(v.items) < len(greeting) {
		if !could(greeting[len(v.items)]) {
			k.fault("it ends with %q, want the beginning of %q", v.rest, greeting[len(v.items)])
		}
		return
	}
	for _, e := range k.g.events[1:] {
		if e.seq > k.at && could(e.frame) && k.mustNotReceive(e, v.ended) == "" {
			return
		}
	}
	for _, other := range []string{": \n\n", "event: reset\n", "id: ", "retry: "} {
		if could([]byte(other)) || bytes.HasPrefix(v.rest, []byte(other)) {
			return
		}
	}
	k.fault("it ends with %q, which nothing begins with that the client could get", v.rest)
}

// endReason checks why the stream ended.
func (k *checker) endReason() {
	v := k.v
	switch reason := v.reason; {
	case errors.Is(reason, core.ErrSlow):
		k.evicted.Add(1)
		for name := range v.channels {
			if policy(name) == "evict" && k.g.leftRing(name, k.at, k.rings["evict"], v.leftAt) {
				return
			}
		}
		k.fault("evicted, though the rings have all that it needs")
	case errors.Is(reason, core.ErrDraining), errors.Is(reason, core.ErrHubClosed):
		if !k.wasDown(v.started, v.leftAt) {
			k.fault("ended for %v, though no hub was closed", reason)
		}
	case errors.Is(reason, core.ErrExpired):
		if !v.closed {
			k.fault("ended for %v", reason)
		}
	case errors.Is(reason, core.ErrClientGone):
		if !v.cut && !v.last && !k.wasDown(v.started, v.ended) {
			k.fault("ended for %v, though the client was there", reason)
		}
	default:
		k.fault("ended for %v", reason)
	}
	if v.status != http.StatusOK {
		k.fault("got status %d", v.status)
	}
}
