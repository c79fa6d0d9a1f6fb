package natsstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/history"
)

// fetchAtOnce is how many messages one request asks for.
const fetchAtOnce = 256

// missingError means that an event that is kept was not found, by its number in the
// stream. A server that is behind does not have it yet.
type missingError uint64

// Error implements error.
func (e missingError) Error() string { return "an event is not in the stream" }

// fetch is a request for messages on a subject.
type fetch struct {
	subject string
	items   []wanted // in order
}

// fill replaces the entries that are missing by those of the stream. For a
// snapshot, they do not follow each other.
func (s *Store) fill(ctx context.Context, entries []*history.Entry, missing map[uint64]wanted, snapshot bool) error {
	found := make(map[uint64]*history.Entry, len(missing))
	var mu sync.Mutex
	var busy sync.WaitGroup
	var failure error
	places := make(chan struct{}, requestsAtOnce)
	for _, f := range s.fetches(entries, missing, snapshot) {
		places <- struct{}{}
		busy.Go(func() {
			defer func() { <-places }()
			got, err := s.fetch(ctx, f)
			mu.Lock()
			defer mu.Unlock()
			failure = cmp.Or(failure, err)
			for _, e := range got {
				found[e.Seq()] = e
			}
		})
	}
	busy.Wait()
	for i, e := range entries {
		if _, ok := missing[e.Seq()]; !ok {
			continue
		}
		if entries[i] = found[e.Seq()]; entries[i] == nil {
			return cmp.Or(failure, error(missingError(missing[e.Seq()].item.seq)))
		}
	}
	return nil
}

// fetches returns the requests for the entries that are missing.
func (s *Store) fetches(entries []*history.Entry, missing map[uint64]wanted, snapshot bool) (all []*fetch) {
	most := fetchAtOnce
	if snapshot {
		most = 1
	}
	bySubject := make(map[string]*fetch)
	for _, e := range entries {
		w, ok := missing[e.Seq()]
		if !ok {
			continue
		}
		subject := s.subjects.event(w.channel)
		if w.item.once != "" {
			subject = s.subjects.once(w.channel, w.item.once)
		}
		f := bySubject[subject]
		if f == nil || len(f.items) == most {
			f = &fetch{subject: subject}
			bySubject[subject] = f
			all = append(all, f)
		}
		f.items = append(f.items, w)
	}
	return all
}

// fetch asks the server for messages, and returns those that were found.
func (s *Store) fetch(ctx context.Context, f *fetch) (found []*history.Entry, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, fmt.Errorf("%w: no answer in time", history.ErrUnavailable))
	defer cancel()
	sub, err := s.conn.SubscribeSync(s.conn.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", history.ErrUnavailable, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for rest := f.items; len(rest) > 0; {
		got, err := s.fetchFrom(ctx, sub, f.subject, rest)
		found = append(found, got...)
		switch {
		case ctx.Err() != nil:
			return found, context.Cause(ctx)
		case err != nil:
			return found, fmt.Errorf("%w: %w", history.ErrUnavailable, err)
		case len(got) == 0:
			return found, nil
		}
		for last := got[len(got)-1].Seq(); len(rest) > 0 && rest[0].item.Seq() <= last; {
			rest = rest[1:]
		}
	}
	return found, nil
}

// fetchFrom asks for the messages on a subject from the first of the items on, as
// many as there are items. Any of the servers that keep the stream answers.
func (s *Store) fetchFrom(ctx context.Context, sub *nats.Subscription, subject string, items []wanted) (found []*history.Entry, err error) {
	data, err := json.Marshal(map[string]any{"seq": items[0].item.seq, "next_by_subj": subject, "batch": len(items)})
	if err != nil {
		return nil, err
	}
	if err := s.conn.PublishRequest(s.apiPrefix+"DIRECT.GET."+s.cfg.Stream, sub.Subject, data); err != nil {
		return nil, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil || m.Header.Get("Status") != "" { // there are no more, or an error, which comes again if it lasts
			return found, err
		}
		if e := entryOf(m, items); e != nil {
			found = append(found, e)
		}
	}
}

// entryOf returns the entry of a message, if it is one of those that are wanted.
func entryOf(m *nats.Msg, items []wanted) *history.Entry {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return nil
	}
	n, ok := slices.BinarySearchFunc(items, seq, func(w wanted, seq uint64) int { return cmp.Compare(w.item.seq, seq) })
	if !ok {
		return nil
	}
	i := items[n].item
	stamp, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	one, failure := parseMessage(m.Data)
	if err != nil || failure != nil || !stamp.Equal(i.stamp) {
		return nil
	}
	return one.record.At(i.position, i.stamp)
}
