package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// subject is a store under test, with the sink that takes its delivery.
type subject struct {
	f     *fixture
	store history.Store
	sink  *sink
	start history.Position // where delivery starts
	head  history.Position // the newest entry that was appended through it
}

// finish checks that all was delivered, closes the store, and checks that
// nothing is delivered any more.
func (s *subject) finish() {
	s.f.Helper()
	if !s.f.Failed() && s.head != s.start {
		s.sink.reach(s.f, s.head.Seq)
	}
	if err := s.store.Close(); err != nil {
		s.f.Errorf("Close: got error %v, want none", err)
	}
	s.sink.ended(s.f, s.start)
}

// text returns a record of an event with that data, and without key and ID of
// its own.
func text(channel, data string) history.Record {
	frame, err := core.AppendEvent(nil, core.Event{Name: "suite", Data: data})
	if err != nil {
		panic(err)
	}
	return history.Record{Channel: channel, Body: frame[:len(frame)-1]} // without the blank line
}

// keyed returns a record with a key.
func keyed(channel, key, data string) history.Record {
	r := text(channel, data)
	r.Key = key
	return r
}

// named returns a record with an ID of the app's own.
func named(channel, id, data string) history.Record {
	r := text(channel, data)
	r.ID = id
	return r
}

// addressed returns a record for an audience, with a key.
func addressed(channel string, to history.Audience, key, data string) history.Record {
	r := keyed(channel, key, data)
	r.To = to
	return r
}

// together returns the records as they are when they are published together.
func together(records ...history.Record) []history.Record {
	for i := range records {
		records[i].Following = len(records) - 1 - i
	}
	return records
}

// texts returns n records for each of the channels in turn.
func texts(n int, channels ...string) []history.Record {
	var records []history.Record
	for i := range n {
		for _, channel := range channels {
			records = append(records, text(channel, fmt.Sprintf("%s %d", channel, i)))
		}
	}
	return records
}

// append appends one batch, and checks what comes back.
func (s *subject) append(records ...history.Record) []*history.Entry {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	given := slices.Clone(records)
	entries, err := s.store.Append(ctx, given)
	clear(given) // which a store must not keep
	if err != nil {
		s.f.Fatalf("Append of %d records: got error %v, want none", len(records), err)
	}
	if len(entries) != len(records) {
		s.f.Fatalf("Append of %d records: got %d entries", len(records), len(entries))
	}
	for i, r := range records {
		e := entries[i]
		if want := (history.Position{Epoch: s.start.Epoch, Seq: entries[0].Position.Seq + uint64(i)}); e.Position != want {
			s.f.Fatalf("entry %d of a batch: got position %v, want %v", i, e.Position, want)
		}
		if err := matches(e, r); err != nil {
			s.f.Fatalf("entry %d of a batch: %v", i, err)
		}
	}
	if n := len(entries); n > 0 {
		s.head = entries[n-1].Position
	}
	return entries
}

// each appends every record in a batch of its own.
func (s *subject) each(records ...history.Record) []*history.Entry {
	s.f.Helper()
	var entries []*history.Entry
	for _, r := range records {
		entries = append(entries, s.append(r)...)
	}
	return entries
}

// matches says how an entry differs from what the record should become.
func matches(e *history.Entry, r history.Record) error {
	id := r.ID
	if id == "" {
		id = e.Position.String()
	}
	switch {
	case e.Channel != r.Channel:
		return fmt.Errorf("got channel %q, want %q", e.Channel, r.Channel)
	case e.Key != r.Key:
		return fmt.Errorf("got key %q, want %q", e.Key, r.Key)
	case e.To != r.To:
		return fmt.Errorf("got audience %q, want %q", e.To, r.To)
	case e.Until()-e.Position.Seq != uint64(r.Following): //nolint:gosec // It is not negative.
		return fmt.Errorf("got a batch until %d, want %d more", e.Until(), r.Following)
	case e.ID() != id:
		return fmt.Errorf("got ID %q, want %q", e.ID(), id)
	case e.Time.IsZero() || time.Since(e.Time).Abs() > time.Hour:
		return fmt.Errorf("got time %v, want about now", e.Time)
	}
	if again := e.Record(); again.Channel != r.Channel || again.Key != r.Key || again.ID != r.ID || !bytes.Equal(again.Body, r.Body) ||
		again.To != r.To || again.Following != r.Following {
		return fmt.Errorf("got record %+v, want %+v", again, r)
	}
	want, err := first(append(bytes.Clone(r.Body), '\n'))
	if err != nil {
		return fmt.Errorf("record %q: %w", r.Body, err)
	}
	got, err := first(e.Frame())
	if err != nil {
		return fmt.Errorf("frame %q: %w", e.Frame(), err)
	}
	if want.ID = id; got != want {
		return fmt.Errorf("got event %+v, want %+v", got, want)
	}
	return nil
}

// first decodes a frame, which must hold one event.
func first(frame []byte) (core.Event, error) {
	d := core.NewDecoder(bytes.NewReader(frame), core.DecoderConfig{})
	ev, err := d.Next()
	if err != nil {
		return ev, err
	}
	if more, err := d.Next(); !errors.Is(err, io.EOF) {
		return ev, fmt.Errorf("after the event: got %+v, %v, want io.EOF", more, err)
	}
	return ev, nil
}

// at returns the position with a sequence number of the store's epoch.
func (s *subject) at(seq uint64) history.Position {
	return history.Position{Epoch: s.start.Epoch, Seq: seq}
}

// read returns a page.
func (s *subject) read(q history.Query) history.Page {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	page, err := s.store.Read(ctx, q)
	if err != nil {
		s.f.Fatalf("Read %+v: got error %v, want a page", q, err)
	}
	return page
}

// whole checks that the page that answers q holds those entries, and all there
// are: it goes through to the newest.
func (s *subject) whole(q history.Query, want []*history.Entry) {
	s.f.Helper()
	page := s.read(q)
	if diff := differ(page.Entries, want); diff != "" {
		s.f.Fatalf("Read %+v: %s", q, diff)
	}
	if page.Through != s.head {
		s.f.Fatalf("Read %+v: got a page through %v, want through the newest, %v", q, page.Through, s.head)
	}
}

// gap checks that there is one, with the right bounds.
func (s *subject) gap(q history.Query, want history.GapReason) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	page, err := s.store.Read(ctx, q)
	var gap *history.GapError
	if !errors.As(err, &gap) {
		s.f.Fatalf("Read %+v: got entries %s, error %v, want a *GapError", q, seqs(page.Entries), err)
	}
	if gap.Reason != want {
		s.f.Errorf("Read %+v: got reason %q, want %q", q, gap.Reason, want)
	}
	oldest, newest := s.bounds(q.Channels...)
	if gap.Oldest != oldest || gap.Newest != newest {
		s.f.Errorf("Read %+v: got bounds %v to %v, want %v to %v", q, gap.Oldest, gap.Newest, oldest, newest)
	}
}

// bounds returns those of the channels.
func (s *subject) bounds(channels ...string) (oldest, newest history.Position) {
	s.f.Helper()
	ctx, cancel := s.f.within()
	defer cancel()
	oldest, newest, err := s.store.Bounds(ctx, channels)
	if err != nil {
		s.f.Fatalf("Bounds of %q: got error %v, want none", channels, err)
	}
	return oldest, newest
}

// trimmedTo waits until the oldest entry kept of a channel is that one.
func (s *subject) trimmedTo(channel string, want history.Position) {
	s.f.Helper()
	s.f.eventually(func() string {
		oldest, _ := s.bounds(channel)
		if oldest == want {
			return ""
		}
		return fmt.Sprintf("Bounds of %q: got oldest %v, want %v", channel, oldest, want)
	})
}

// differ says how entries differ from those wanted.
func differ(got, want []*history.Entry) string {
	if len(got) != len(want) {
		return fmt.Sprintf("got entries %s, want %s", seqs(got), seqs(want))
	}
	for i, e := range got {
		w := want[i]
		if e.Position != w.Position {
			return fmt.Sprintf("got entries %s, want %s", seqs(got), seqs(want))
		}
		if e.Channel != w.Channel || e.Key != w.Key || e.To != w.To || e.Until() != w.Until() ||
			e.ID() != w.ID() || !bytes.Equal(e.Frame(), w.Frame()) {
			return fmt.Sprintf("entry %v: got %s, want %s", e.Position, show(e), show(w))
		}
	}
	return ""
}

// seqs names the entries.
func seqs(entries []*history.Entry) string {
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d", e.Position.Seq)
	}
	return "[" + b.String() + "]"
}

func show(e *history.Entry) string {
	return fmt.Sprintf("{channel %q key %q to %q id %q until %d frame %q}", e.Channel, e.Key, e.To, e.ID(), e.Until(), e.Frame())
}

// on returns the entries of a channel.
func on(channel string, entries []*history.Entry) []*history.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e *history.Entry) bool { return e.Channel != channel })
}
