package oracle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// reset is the data of the event that says that there is a gap.
type reset struct {
	Reason  string `json:"reason"`
	Channel string `json:"channel,omitempty"`
	Oldest  string `json:"oldest"`
	Newest  string `json:"newest"`
}

// gap checks an event that says that there is a gap, and goes on behind it.
func (k *checker) gap(it item) {
	var r reset
	data, _, _ := strings.Cut(strings.TrimPrefix(string(it.block), "event: reset\ndata: "), "\n")
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		k.fault("got %q: %v", it.block, err)
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
		k.fault("got %q, want %q", it.block, want+"\n")
	}
	oldest, newest, ok := k.bounds(r, it)
	if !ok {
		return
	}
	if r.Reason == "skipped" {
		k.skipped(r.Channel, oldest, newest, it)
	} else {
		k.lost(r, oldest, newest, it)
	}
	if has {
		gen, seq, ok := k.model.locate(id)
		if !ok || gen != k.v.gen {
			k.fault("a reset with the ID %q, which nobody knows", id)
			return
		}
		k.position(seq, it.at)
	}
}

// bounds returns the bounds that a reset tells.
func (k *checker) bounds(r reset, it item) (oldest, newest uint64, ok bool) {
	first, oldest, ok1 := k.model.locate(r.Oldest)
	second, newest, ok2 := k.model.locate(r.Newest)
	if !ok1 || !ok2 || first != k.v.gen || second != k.v.gen || oldest > newest || newest > k.g.most(it.at) {
		k.fault("the bounds of %q are no bounds", it.block)
		return 0, 0, false
	}
	return oldest, newest, true
}

// skipped checks a gap on one channel, which the client was too slow for.
func (k *checker) skipped(channel string, oldest, newest uint64, it item) {
	if p := policy(channel); len(k.v.channels[channel]) == 0 || p == "evict" {
		k.fault("skipped on %q, which the stream is not on, or which does not skip", channel)
		return
	}
	if k.reset {
		k.fault("skipped before the client was told that its ID is not known")
	}
	if !k.g.leftRing(channel, oldest, k.rings[policy(channel)], it.at) {
		k.fault("skipped from %d to %d on %s, though the ring has it", oldest, newest, channel)
	}
	for seq := oldest + 1; seq <= newest; seq++ {
		if k.sent[seq] && k.g.events[seq].channel == channel {
			k.fault("event %d is said to be skipped on %s, but came", seq, channel)
		}
	}
	if b := k.begin; b != nil {
		b.seen(it.at)
	}
	k.pass(oldest, it.at, channel)
	k.floor[channel] = max(k.floor[channel], newest)
}

// lost checks a gap on all channels, and begins anew.
func (k *checker) lost(r reset, oldest, newest uint64, it item) {
	v := k.v
	if r.Channel != "" {
		k.fault("got %q: want no channel", it.block)
	}
	first := len(v.items) > 3 && v.items[3].at == it.at && &v.items[3].block[0] == &it.block[0]
	switch r.Reason {
	case "trimmed":
		missing := slices.ContainsFunc(k.g.events[k.at+1:], func(e *event) bool {
			return len(v.channels[e.channel]) > 0 && k.g.maybeTrimmed(e, k.keep(e.channel), it.at)
		})
		if !missing || k.reset {
			k.fault("got %q, though history has all that follows", it.block)
		}
	case "unknown", "restarted":
		if !first || !k.unknown(r.Reason, it) {
			k.fault("got %q, though the ID is known", it.block)
		}
	default:
		k.fault("got %q, for no reason", it.block)
	}
	k.retained(oldest, newest, it)
	k.reset = false
	k.begin = k.newBeginning(it.at)
	k.at = 0
	// What was added by then may be part of the new beginning.
	for _, spans := range v.channels {
		for i := range spans {
			if spans[i].addStart < it.at {
				spans[i].addStart = -1
			}
		}
	}
	clear(k.floor)
	clear(k.sent)
}

// unknown reports whether the client's ID may be unknown.
func (k *checker) unknown(reason string, it item) bool {
	want := "unknown"
	if epoch, _, position := parsePosition(k.v.after.id); position && epoch != k.epochNow() {
		want = "restarted"
	}
	if k.reset || reason != want {
		return reason == want
	}
	gen, seq, ok := k.model.locate(k.v.after.id)
	if !ok || gen != k.v.gen || seq == 0 || seq >= uint64(len(k.g.events)) {
		return false
	}
	e := k.g.events[seq]
	surely := slices.ContainsFunc(k.v.channels[e.channel], func(s span) bool { return s.addStart < 0 })
	return e.ev.ID == k.v.after.id && (!surely || k.g.maybeTrimmed(e, k.keep(e.channel), it.at))
}

// epochNow returns the epoch of the visit's hub.
func (k *checker) epochNow() string {
	for epoch, gen := range k.model.epochs {
		if gen == k.v.gen {
			return epoch
		}
	}
	return ""
}

// retained checks the bounds of what is kept.
func (k *checker) retained(oldest, newest uint64, it item) {
	low := k.g.least(k.v.started)
	mine := func(e *event) bool { return len(k.v.channels[e.channel]) > 0 }
	for seq := uint64(1); seq <= k.g.most(it.at); seq++ {
		e := k.g.events[seq]
		always := slices.Contains(k.v.channels[e.channel], sinceOpen())
		switch {
		case seq < oldest && always && seq <= low && !k.g.maybeTrimmed(e, k.keep(e.channel), it.at):
			k.fault("event %d on %s is kept, and older than the bound %d", seq, e.channel, oldest)
		case seq > newest && always && seq <= low && !k.g.maybeTrimmed(e, k.keep(e.channel), it.at):
			k.fault("event %d on %s is kept, and newer than the bound %d", seq, e.channel, newest)
		case seq == oldest && oldest < newest && (!mine(e) || k.g.surelyTrimmed(e, k.keep(e.channel), k.v.started)):
			k.fault("the bound %d on %s is not kept", oldest, e.channel)
		case seq == newest && oldest < newest && !mine(e):
			k.fault("the bound %d on %s is on another channel", newest, e.channel)
		}
	}
}
