package redisstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Bounds of what one call of Redis returns.
const (
	pageEvents  = 300 // a hub asks for 256, and find for one more
	pageBytes   = 1 << 20
	newestSteps = 1024
)

// errMoved means that entries were removed between two calls for the same page.
var errMoved = errors.New("entries were removed while they were read")

// view asks for an answer until the storage is in the epoch of which the sinks have
// been told. The error wraps [history.ErrUnavailable] if Redis is away.
func (s *Store) view(ctx context.Context, ask func(ctx context.Context) error) error {
	limit := time.Now().Add(s.cfg.Timeout)
	for try := 0; ; {
		err := ask(ctx)
		switch gap := (*history.GapError)(nil); {
		case s.life.Err() != nil:
			return history.ErrClosed
		case err == nil, errors.As(err, &gap), errors.Is(err, history.ErrUnknownID):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case (errors.Is(err, errStale) || errors.Is(err, errMoved)) && time.Now().Before(limit):
			s.feed.Wake()
			sharedstore.Rest(s.life, 5*time.Millisecond)
			continue
		case !isAway(err) && !errors.Is(err, errMoved):
			return err
		}
		if try++; try > 1 { // the first connection may have been an old one
			return s.health.Gone(s.life, err)
		}
	}
}

// Read implements [history.Store].
func (s *Store) Read(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.view(ctx, func(ctx context.Context) error {
		q := q
		from, failure := s.startOf(ctx, q)
		if failure != nil {
			return failure
		}
		if q.Tail > 0 {
			q.Tail, q.Oldest = 0, true // from is where the tail begins
		}
		v, found, failure := s.find(ctx, q, from)
		if failure != nil {
			return failure
		}
		page, failure = v.Read(q, sharedstore.Cursors(q.Channels, found))
		return failure
	})
	return page, err
}

// startOf returns the sequence number after which the entries of a query begin.
func (s *Store) startOf(ctx context.Context, q history.Query) (after uint64, err error) {
	switch {
	case q.Oldest:
		return 0, nil
	case q.Tail <= 0:
		return q.After.Seq, nil
	}
	for left := q.Tail; left > 0; {
		steps := min(left, newestSteps)
		keys := s.channelKeys(s.keys.common(len(q.Channels)), q.Channels, indexKind)
		a, err := s.call(ctx, s.scripts.newest, keys, s.bounds([]any{decimal(after), steps}, q.Channels)...)
		if err != nil {
			return 0, err
		}
		a.number() // the epoch
		n := len(a.values)
		for a.more() {
			after = a.number()
		}
		if a.err != nil {
			return 0, a.err
		}
		if left -= n; n < steps {
			break
		}
	}
	return max(after, 1) - 1, nil
}

// find returns what is known of the channels of a query, and the entries after a
// sequence number: as many as fit, and one more if there is one.
func (s *Store) find(ctx context.Context, q history.Query, after uint64) (v history.View, found []*history.Entry, err error) {
	events, bytes := q.Limits()
	for first := true; ; first = false {
		now, page, more, err := s.page(ctx, q, after, min(events, pageEvents-1)+1)
		switch {
		case err != nil:
			return v, nil, err
		case first:
			v = now
		case trimmed(now, after):
			return v, nil, errMoved
		}
		for _, e := range page {
			bytes -= e.Size()
		}
		found = append(found, page...)
		if !more || len(page) == 0 || len(found) > events || bytes < 0 {
			return v, upTo(found, v.Head), nil
		}
		after = found[len(found)-1].Seq()
	}
}

// page calls Redis once: for what is kept of the channels of a query, and for up to
// most entries after a sequence number.
func (s *Store) page(ctx context.Context, q history.Query, after uint64, most int) (v history.View, page []*history.Entry, more bool, err error) {
	snapshot := 0
	if q.Snapshot {
		snapshot = 1
	}
	keys := s.channelKeys(s.keys.common(2*len(q.Channels)), q.Channels, indexKind, subjectsKind)
	a, err := s.call(ctx, s.scripts.read, keys, s.bounds([]any{decimal(after), most, pageBytes, snapshot}, q.Channels)...)
	if err != nil {
		return v, nil, false, err
	}
	v, err = s.viewOf(a)
	more = a.number() != 0
	for range min(a.number(), uint64(len(q.Channels))) {
		v.Channels = append(v.Channels, a.kept())
	}
	for err == nil && a.more() {
		var e *history.Entry
		e, err = a.entry(v.Epochs, nil)
		page = append(page, e)
	}
	return v, page, more, errors.Join(err, a.err)
}

// trimmed reports whether entries of the channels after a sequence number are gone.
func trimmed(v history.View, after uint64) bool {
	return slices.ContainsFunc(v.Channels, func(k history.Kept) bool { return k.Gone > after })
}

// upTo returns the entries up to a head: what is newer was published meanwhile.
func upTo(entries []*history.Entry, head uint64) []*history.Entry {
	for len(entries) > 0 && entries[len(entries)-1].Seq() > head {
		entries = entries[:len(entries)-1]
	}
	return entries
}

// Resolve implements [history.Store].
func (s *Store) Resolve(ctx context.Context, channels []string, id string) (at history.Position, err error) {
	err = s.view(ctx, func(ctx context.Context) error {
		keys := s.channelKeys(s.keys.common(2*len(channels)), channels, indexKind, idsKind)
		a, failure := s.call(ctx, s.scripts.resolve, keys, s.bounds([]any{id}, channels)...)
		if failure != nil {
			return failure
		}
		newest := make([]uint64, len(channels))
		v, failure := s.viewOf(a)
		for i := range channels {
			v.Channels = append(v.Channels, a.kept())
			newest[i] = a.number()
		}
		if failure = errors.Join(failure, a.err); failure != nil {
			return failure
		}
		at, failure = v.Resolve(id, func(i int) uint64 { return newest[i] })
		return failure
	})
	return at, err
}

// Bounds implements [history.Store].
func (s *Store) Bounds(ctx context.Context, channels []string) (oldest, newest history.Position, err error) {
	err = s.view(ctx, func(ctx context.Context) error {
		v, _, _, failure := s.page(ctx, history.Query{Channels: channels}, 0, 0)
		if failure == nil {
			oldest, newest = v.Bounds()
		}
		return failure
	})
	return oldest, newest, err
}

// viewOf reads the epoch and the head. It returns errStale if the sinks have not
// been told of the epoch.
func (s *Store) viewOf(a *answer) (v history.View, err error) {
	epoch := a.number()
	v = history.View{Epochs: s.feed.Epochs(), Head: a.number()}
	if a.err == nil && v.Epochs.Newest(0).Epoch != epoch {
		err = errStale
	}
	return v, err
}
