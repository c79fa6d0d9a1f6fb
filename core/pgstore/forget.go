package pgstore

import (
	"context"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// forgetAtOnce is the number of channels that are forgotten in one transaction.
const forgetAtOnce = 500

// forgetting is a call of Forget.
type forgetting struct {
	channel string
	err     chan error // capacity 1
}

// Forget implements [history.Store]. Calls at the same time share a transaction.
func (s *Store) Forget(ctx context.Context, channel string) error {
	f := forgetting{strings.Clone(channel), make(chan error, 1)}
	select {
	case s.forgets <- f:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.life.Done():
		return history.ErrClosed
	}
	select {
	case err := <-f.err:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// forget answers the calls of Forget.
func (s *Store) forget() {
	for {
		var calls []forgetting
		select {
		case f := <-s.forgets:
			calls = append(calls, f)
		case <-s.life.Done():
			return
		}
		for more := true; more && len(calls) < forgetAtOnce; {
			select {
			case f := <-s.forgets:
				calls = append(calls, f)
			default:
				more = false
			}
		}
		names := make([]string, len(calls))
		for i, f := range calls {
			names[i] = f.channel
		}
		err := s.forgetAll(names)
		for _, f := range calls {
			f.err <- err
		}
	}
}

func (s *Store) forgetAll(names []string) (err error) {
	for range 2 { // the first connection may have been an old one
		err = s.exec(s.life, s.sql.forget, names)
		switch {
		case err == nil:
			return nil
		case s.life.Err() != nil:
			return history.ErrClosed
		case !isAway(err):
			return err
		}
	}
	return s.gone(err)
}
