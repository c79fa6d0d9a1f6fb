package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Bounds of a page of the tail.
const (
	tailEvents = 512
	tailBytes  = 4 << 20
)

// verify begins an epoch if the storage is not there, or may have gone back in
// time. delivered is the newest sequence number that was delivered.
func (s *Store) verify(ctx context.Context, delivered uint64) error {
	return s.beginEpoch(ctx, delivered, "", "")
}

// beginEpoch calls the script. found is the newest epoch of a storage that lost what
// was delivered, and base the newest sequence number in it that is not lost, or "".
func (s *Store) beginEpoch(ctx context.Context, delivered uint64, found, base string) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return err
	}
	return s.scripts.begin.Run(ctx, master, s.keys.common(0), history.NewEpoch(), decimal(delivered), found, base).Err()
}

// catchUp delivers a page of entries, and reports whether there may be more. If
// there are none and compare is set, it looks whether the newest one is still the
// one that was delivered.
func (s *Store) catchUp(compare bool) (more bool, err error) {
	from := s.feed.Newest()
	l, page, err := s.readTail(s.life, from.Seq, tailEvents)
	if errors.Is(err, errStale) {
		return true, s.verify(s.life, from.Seq)
	}
	if err != nil {
		return false, err
	}
	last := l.Epochs[len(l.Epochs)-1]
	switch {
	case !l.Epochs.Knows(from) && last.Base+last.Skip <= from.Seq:
		// The new epoch began without knowing what was delivered here: on a storage
		// that was flushed, or while the clock was set back.
		return true, s.beginEpoch(s.life, from.Seq, decimal(last.ID), "")
	case last.ID == from.Epoch && l.Head == from.Seq && !compare:
		return false, nil
	case last.ID == from.Epoch && s.feed.Diverged(from, l.Head, page):
		return true, s.diverge(from, l.Head)
	}
	return s.feed.Pass(from, l, page), nil
}

// diverge begins a new epoch after the newest entry that is the same as the one
// that was delivered.
func (s *Store) diverge(from history.Position, head uint64) error {
	base, err := s.feed.Common(from, head, func(next uint64) ([]*history.Entry, error) {
		_, page, err := s.readTail(s.life, next, tailEvents)
		return page, err
	})
	if err != nil {
		return err
	}
	return s.beginEpoch(s.life, from.Seq, decimal(from.Epoch), decimal(base))
}

// readTail returns what the storage says of its entries, and entries from a
// sequence number on.
func (s *Store) readTail(ctx context.Context, from uint64, most int) (l sharedstore.Log, page []*history.Entry, err error) {
	a, err := s.call(ctx, s.scripts.tail, s.keys.common(0), decimal(from), most, tailBytes)
	if err != nil {
		return l, nil, err
	}
	if l.Epochs, err = parseEpochs(a.text()); err != nil {
		return l, nil, err
	}
	l.Head = a.number()
	l.Kept = a.number() + 1
	for a.more() {
		e, err := a.entry(l.Epochs, &s.chain)
		if err != nil {
			return l, nil, err
		}
		page = append(page, e)
	}
	return l, page, a.err
}

// parseEpochs reads epochs: of each its ID, its base, and where it starts.
func parseEpochs(text string) (epochs history.Epochs, err error) {
	for one := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		parts := strings.SplitN(one, " ", 4)
		var n [3]uint64
		if len(parts) != len(n) {
			return nil, errAnswer
		}
		for i := range n {
			if n[i], err = strconv.ParseUint(parts[i], 10, 64); err != nil {
				return nil, errAnswer
			}
		}
		if n[0] == 0 || n[2] < n[1] {
			return nil, errAnswer
		}
		epochs = append(epochs, history.Epoch{ID: n[0], Base: n[1], Skip: n[2] - n[1]})
	}
	return epochs, nil
}

// listenEvents bounds what one call of XREAD returns.
const listenEvents = 64

// listen waits for new entries, on a connection of its own, until the store is
// closed.
func (s *Store) listen() {
	for s.life.Err() == nil {
		err := s.listenOnce()
		s.feed.Wake() // what came meanwhile
		if err != nil && !sharedstore.Rest(s.life, 100*time.Millisecond) {
			return
		}
	}
}

// listenOnce waits on one connection, until it is lost. A connection that is silent
// is taken for lost after Poll and Timeout.
func (s *Store) listenOnce() error {
	master, err := s.master(s.life)
	if err != nil {
		return err
	}
	opts := *master.Options()
	opts.PoolSize, opts.MinIdleConns, opts.MaxActiveConns = 1, 0, 0
	client := redis.NewClient(tuned(&opts, s.cfg.Timeout))
	stop := context.AfterFunc(s.life, func() { _ = client.Close() })
	defer func() {
		stop()
		_ = client.Close()
	}()
	for s.life.Err() == nil {
		if err := s.listenFor(client); err != nil {
			return err
		}
	}
	return nil
}

// listenFor waits for entries once, and delivers them if they are those that come
// next in the same epoch.
func (s *Store) listenFor(client *redis.Client) error {
	ctx, cancel := context.WithTimeout(s.life, s.cfg.Poll+s.cfg.Timeout)
	defer cancel()
	streams, err := client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{s.keys.stream, decimal(s.feed.Newest().Seq) + "-0"}, Count: listenEvents, Block: s.cfg.Poll,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil || len(streams) != 1 {
		return err
	}
	var entries []*history.Entry
	for _, m := range streams[0].Messages {
		f, e, err := message(m)
		if err != nil {
			return err
		}
		if !s.chain.holds(e.Seq()-1, f.before()) || len(entries) > 0 && e.Position.Epoch != entries[0].Position.Epoch {
			s.feed.Wake()
			sharedstore.Rest(s.life, 2*time.Millisecond) // meanwhile, all is read that is there
			break
		}
		s.chain.add(e.Seq(), f.own())
		entries = append(entries, e)
	}
	if len(entries) > 0 {
		s.feed.DeliverOwn(entries[0].Position.Epoch, entries)
	}
	return nil
}
