package sharedstore

import (
	"context"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// forgetAtOnce is the number of channels that are forgotten together.
const forgetAtOnce = 500

// Forgetter puts calls of Forget at the same time together. It is safe for
// concurrent use.
type Forgetter struct{ calls chan forgetting }

// forgetting is a call of Forget.
type forgetting struct {
	channel string
	err     chan error // capacity 1
}

// NewForgetter returns a forgetter. Run must be called.
func NewForgetter() *Forgetter { return &Forgetter{make(chan forgetting)} }

// Forget implements [history.Store]. It fails once life has ended.
func (f *Forgetter) Forget(ctx, life context.Context, channel string) error {
	one := forgetting{strings.Clone(channel), make(chan error, 1)}
	select {
	case f.calls <- one:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-life.Done():
		return history.ErrClosed
	}
	select {
	case err := <-one.err:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run has the channels of calls forgotten until life ends.
func (f *Forgetter) Run(life context.Context, forget func(channels []string) error) {
	for {
		var calls []forgetting
		select {
		case one := <-f.calls:
			calls = append(calls, one)
		case <-life.Done():
			return
		}
		for more := true; more && len(calls) < forgetAtOnce; {
			select {
			case one := <-f.calls:
				calls = append(calls, one)
			default:
				more = false
			}
		}
		names := make([]string, len(calls))
		for i, one := range calls {
			names[i] = one.channel
		}
		err := forget(names)
		for _, one := range calls {
			one.err <- err
		}
	}
}
