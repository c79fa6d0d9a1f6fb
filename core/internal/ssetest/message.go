package ssetest

import (
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// Message is the content of one block.
type Message struct {
	core.Event // the ID may be that of a block without an event

	Comment bool
}

// Message reads a block.
func (r *Reply) Message(tb testing.TB) Message {
	tb.Helper()
	var m Message
	dec := core.NewDecoder(strings.NewReader(r.MustBlock(tb)), core.DecoderConfig{OnComment: func(string) { m.Comment = true }})
	m.Event, _ = dec.Next()
	m.ID = dec.LastEventID()
	return m
}

// Position reads blocks up to one that tells a position. No event may come
// before it.
func (r *Reply) Position(tb testing.TB) core.Position {
	tb.Helper()
	for {
		m := r.Message(tb)
		switch at, ok := core.ParsePosition(m.ID); {
		case m.Comment:
		case m.Data != "" || m.Name != "" || !ok:
			tb.Fatalf("block: got %+v, want a position only", m)
		default:
			return at
		}
	}
}

// Events returns the data of the events up to one with the data "end". The
// positions of events, and those in between, must go up.
func (r *Reply) Events(tb testing.TB) []string {
	tb.Helper()
	var got []string
	last := uint64(0)
	for {
		m := r.Message(tb)
		if m.Comment || m == (Message{}) { // the latter: the time to reconnect
			continue
		}
		at, ok := core.ParsePosition(m.ID)
		if !ok || at.Seq < last || m.Data != "" && at.Seq == last {
			tb.Errorf("block after position %d: got %+v, want its ID to go up", last, m)
		}
		last = at.Seq
		switch {
		case m.Data == "end":
			return got
		case m.Data != "":
			got = append(got, m.Data)
		}
	}
}

// Mark publishes an event to a channel without streams, and returns its ID.
func (f *Fixture) Mark(tb testing.TB) string {
	tb.Helper()
	return f.Publish(tb, "other", core.Event{Data: "mark"})[0]
}

// End publishes the event up to which [Reply.Events] reads.
func (f *Fixture) End(tb testing.TB, channel string) {
	tb.Helper()
	f.Publish(tb, channel, core.Event{Data: "end"})
}
