package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// positions: Append gives consecutive positions of one epoch, from 1 on, also
// to the records of a batch.
func positions(f *fixture) {
	s := f.open(unbounded())
	if s.start.Seq != 0 {
		f.Fatalf("Attach to empty storage: got position %v, want sequence number 0", s.start)
	}
	next := uint64(1)
	for _, size := range []int{1, 1, 2, 7, 1, 30} {
		for _, e := range s.append(texts(size, "a")...) {
			if e.Position != s.at(next) {
				f.Fatalf("batch of %d: got position %v, want %v", size, e.Position, s.at(next))
			}
			next++
		}
	}
	if oldest, newest := s.bounds("a"); oldest != s.at(1) || newest != s.at(next-1) {
		f.Errorf("Bounds: got %v to %v, want %v to %v", oldest, newest, s.at(1), s.at(next-1))
	}
}

// entriesHoldRecords: an entry holds what its record does, and its frame
// decodes to the event, whether Append, Read or the sink hands it out.
func entriesHoldRecords(f *fixture) {
	s := f.open(unbounded())
	long := strings.Repeat("long ", 4000)
	bare, err := core.AppendEvent(nil, core.Event{})
	if err != nil {
		f.Fatalf("AppendEvent: %v", err)
	}
	want := s.append(together(
		text("a", "first of several"),
		addressed("a", history.ToGroup("group: ä b"), "", "for a group"),
		addressed("b", history.ToStream("0123456789abcdef"), "k", "for a stream"),
		addressed("a", history.ToIdentity(strings.Repeat("n", history.MaxNameBytes)), "k", "for somebody"),
	)...)
	want = append(want, s.append(
		text("a", "plain"),
		history.Record{Channel: "a", Body: bare[:len(bare)-1]},
		text("a", "two\nlines\n"),
		text("channel: ä/b c?*.>", "🙂"),
		keyed("a", "key: ü.*>", "keyed"),
		named("a", "order:17 ß", "named"),
		history.Record{Channel: "a", ID: "both", Key: "k", Body: text("", "both").Body},
		text(strings.Repeat("c", history.MaxNameBytes), "long name"),
		named("a", strings.Repeat("i", core.MaxIDBytes), "long id"),
		text("a", long),
	)...)
	channels := []string{"a", "b", "channel: ä/b c?*.>", strings.Repeat("c", history.MaxNameBytes)}
	s.whole(history.Query{Channels: channels, After: s.start}, want)
	if diff := differ(s.sink.reach(f, s.head.Seq), want); diff != "" {
		f.Errorf("delivered: %s", diff)
	}
	for _, channel := range channels {
		s.whole(history.Query{Channels: []string{channel}, Oldest: true}, on(channel, want))
	}
}

// entriesStay: what was handed out does not change any more.
func entriesStay(f *fixture) {
	s := f.open(history.Retention{Events: 4, Bytes: -1})
	held := s.append(named("a", "mine", "1"), keyed("a", "k", "2"), text("a", "3"))
	held = append(held, s.read(history.Query{Channels: []string{"a"}, Oldest: true}).Entries...)
	held = append(held, s.sink.reach(f, s.head.Seq)...)
	frames := make([][]byte, len(held))
	for i, e := range held {
		frames[i] = bytes.Clone(e.Frame())
	}
	s.each(texts(20, "a")...)
	s.read(history.Query{Channels: []string{"a"}, Oldest: true})
	for i, e := range held {
		if !bytes.Equal(e.Frame(), frames[i]) {
			f.Errorf("entry %v: its frame became %q, was %q", e.Position, e.Frame(), frames[i])
		}
	}
}

// cancelledAppend: Append stops waiting when its context ends, and stores all
// of its records or none.
func cancelledAppend(f *fixture) {
	s := f.open(unbounded())
	s.append(text("a", "before"))
	for i := range 20 {
		ctx, cancel := context.WithCancel(f.Context())
		started, returned := make(chan struct{}), make(chan error, 1)
		go func() {
			batch := texts(10, fmt.Sprintf("batch %d", i))
			close(started)
			_, err := s.store.Append(ctx, batch)
			clear(batch) // which a store must not keep, also in this case
			returned <- err
		}()
		<-started
		for range i { // sooner or later
			runtime.Gosched()
		}
		cancel()
		limit, stop := f.within()
		select {
		case <-returned:
			stop()
		case <-limit.Done():
			stop()
			f.Fatalf("Append: did not return for %v after its context ended", f.opts.Wait)
		}
	}
	// What is appended last comes after whatever became of the others.
	last := s.append(text("a", "after"))
	if got := s.sink.reach(f, s.head.Seq); len(got) == 0 || got[len(got)-1].Position != last[0].Position {
		f.Errorf("delivered: got %s, want up to %v", seqs(got), last[0].Position)
	}
	for i := range 20 {
		page := s.read(history.Query{Channels: []string{fmt.Sprintf("batch %d", i)}, Oldest: true})
		if n := len(page.Entries); n != 0 && n != 10 {
			f.Errorf("batch of 10 whose context ended: got %d stored, want all or none", n)
		}
	}
}

// abandonedRead: a reader that does not go on holds nothing that Append needs.
func abandonedRead(f *fixture) {
	s := f.open(unbounded())
	s.append(texts(10, "a", "b")...)
	ctx, cancel := context.WithCancel(f.Context())
	for _, q := range []history.Query{
		{Oldest: true, MaxEvents: 1},
		{Oldest: true, MaxBytes: 1},
		{After: s.start, MaxEvents: 1},
		{Tail: 5, MaxEvents: 1},
		{Snapshot: true},
		{After: s.at(1000)},
	} {
		q.Channels = []string{"a", "b"}
		_, err := s.store.Read(ctx, q)
		if gap := (*history.GapError)(nil); err != nil && !errors.As(err, &gap) {
			f.Fatalf("Read %+v: got error %v, want none", q, err)
		}
	}
	cancel()
	// One whose context has ended, too, whatever it returns.
	_, _ = s.store.Read(ctx, history.Query{Channels: []string{"a"}, Oldest: true, MaxEvents: 1})
	s.append(text("a", "after"))
}
