package natsstore

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Read implements [history.Store].
func (s *Store) Read(ctx context.Context, q history.Query) (page history.Page, err error) {
	limit := time.Now().Add(s.cfg.Timeout)
	for try := 1; ; try++ {
		if err = s.upToDate(ctx); err != nil {
			return history.Page{}, err
		}
		var missing map[uint64]wanted
		err = s.locked(func(x *index) error {
			page, missing, err = x.read(q)
			return err
		})
		if err == nil && len(missing) > 0 {
			err = s.fill(ctx, page.Entries, missing, q.Snapshot)
		}
		lost := missingError(0)
		switch {
		case !errors.As(err, &lost):
			return page, err
		case time.Now().After(limit):
			return history.Page{}, fmt.Errorf("%w: %w", history.ErrUnavailable, err)
		case !sharedstore.Rest(ctx, 10*time.Millisecond):
			return history.Page{}, context.Cause(ctx)
		}
		// What is trimmed is missing for a moment, until the mark has come.
		if try%20 == 0 {
			s.verify(ctx, lost)
		}
	}
}

// verify asks the leader for an event that another server did not find. If it is
// not there either, an operator has removed it, and the stream is read anew.
func (s *Store) verify(ctx context.Context, lost missingError) {
	if _, err := s.get(ctx, s.cfg.Stream, map[string]any{"seq": uint64(lost)}); !isCode(err, codeMessageNotFound) {
		return
	}
	s.mu.Lock()
	if s.ready {
		_ = s.stale()
	}
	s.mu.Unlock()
	s.suspect(errAgain)
}

// locked calls ask while the index does not change.
func (s *Store) locked(ask func(x *index) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return history.ErrClosed
	}
	return ask(s.index)
}

// Resolve implements [history.Store].
func (s *Store) Resolve(ctx context.Context, channels []string, id string) (at history.Position, err error) {
	if err = s.upToDate(ctx); err != nil {
		return at, err
	}
	err = s.locked(func(x *index) error {
		at, err = x.view(channels).Resolve(id, func(i int) uint64 { return x.channels[channels[i]].chosen[id] })
		return err
	})
	return at, err
}

// Bounds implements [history.Store].
func (s *Store) Bounds(ctx context.Context, channels []string) (oldest, newest history.Position, err error) {
	if err = s.upToDate(ctx); err != nil {
		return oldest, newest, err
	}
	err = s.locked(func(x *index) error {
		oldest, newest = x.view(channels).Bounds()
		return nil
	})
	return oldest, newest, err
}

// wanted is an event that is not in the cache.
type wanted struct {
	channel string
	item    *item
}

// read answers a query. The entries of what is missing, by sequence number, are
// only of the right size.
func (x *index) read(q history.Query) (page history.Page, missing map[uint64]wanted, err error) {
	v := x.view(q.Channels)
	missing = make(map[uint64]wanted)
	cursors := make([]history.Cursor, len(q.Channels))
	for i, kept := range v.Channels {
		c := &cursor{i: -1, missing: missing}
		cursors[i] = c
		if kept.Oldest == 0 {
			continue
		}
		of := x.channels[q.Channels[i]]
		c.channel = of.name
		if first := of.ring.After(kept.Oldest - 1); q.Snapshot {
			list := of.snapshot(q, first)
			c.n, c.at = len(list), func(i int) *item { return list[i] }
		} else {
			c.n, c.at = of.ring.Len()-first, func(i int) *item { return of.ring.At(first + i) }
		}
	}
	page, err = v.Read(q, cursors)
	return page, missing, err
}

// cursor is a [history.Cursor] over n items.
type cursor struct {
	channel string
	at      func(i int) *item
	n       int
	i       int // of the current item
	missing map[uint64]wanted
}

// Seek implements [history.Cursor].
func (c *cursor) Seek(after uint64) error {
	c.i = sort.Search(c.n, func(i int) bool { return c.at(i).Seq() > after })
	return nil
}

// Next implements [history.Cursor].
func (c *cursor) Next() error { c.i++; return nil }

// Back implements [history.Cursor].
func (c *cursor) Back() error { c.i--; return nil }

// Seq implements [history.Cursor].
func (c *cursor) Seq() uint64 {
	if c.i < 0 || c.i >= c.n {
		return 0
	}
	return c.at(c.i).Seq()
}

// Entry implements [history.Cursor].
func (c *cursor) Entry() (*history.Entry, error) {
	i := c.at(c.i)
	if i.entry != nil {
		return i.entry, nil
	}
	c.missing[i.Seq()] = wanted{c.channel, i}
	return i.standIn(c.channel), nil
}
