package redisstore

import (
	"context"
	"errors"
	"slices"

	"github.com/tidings-go/tidings/core/history"
)

// forgetChannels is the number of channels in one call of Redis.
const forgetChannels = 100

// Forget implements [history.Store]. Calls at the same time share a call of Redis.
func (s *Store) Forget(ctx context.Context, channel string) error {
	return s.forgets.Forget(ctx, s.life, channel)
}

func (s *Store) forgetAll(names []string) error {
	slices.Sort(names)
	names = slices.Compact(names)
	for chunk := range slices.Chunk(names, forgetChannels) {
		for len(chunk) > 0 {
			a, err := s.again(s.life, func() (*answer, error) {
				keys := s.channelKeys(s.keys.common(4*len(chunk)), chunk, indexKind, idsKind, subjectsKind, onceKind)
				return s.call(s.life, s.scripts.forget, keys, s.bounds(nil, chunk)...)
			})
			if err != nil {
				return err
			}
			a.number() // the epoch
			chunk = nil
			for a.more() {
				chunk = append(chunk, a.text())
			}
		}
	}
	return nil
}

// again calls the storage, and once more if it is away: the first connection may
// have been an old one. Where the storage has to begin an epoch, it waits for that.
func (s *Store) again(ctx context.Context, call func() (*answer, error)) (*answer, error) {
	var err error
	for range 2 {
		var a *answer
		if a, err = call(); err == nil {
			return a, nil
		}
		switch {
		case s.life.Err() != nil:
			return nil, history.ErrClosed
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !isAway(err):
			return nil, err
		}
		if errors.Is(err, errStale) {
			if failure := s.verify(ctx, s.feed.Newest().Seq); failure != nil {
				err = failure
			}
		}
	}
	return nil, s.health.Gone(s.life, err)
}
