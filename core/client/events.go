package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Events returns an iterator over the events of a run. The loop connects when it
// begins, and does all work in its own goroutine: while the loop's body runs, the
// client does not read. Handlers are called as well.
//
// If the run fails, the last pair is a zero Event with the error: an [*Error],
// [ErrRunning], or the cause of ctx. No error is yielded before, and none if the
// run ends in order: after Close, after a 204, after the terminator, or with
// OneShot at the end of the stream. After a loop that ended early, another call
// continues after the event at which it ended.
func (c *Client) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		left := false
		err := c.run(ctx, func(ev Event) bool {
			left = !yield(ev, nil)
			return !left
		})
		if err != nil && !left { // the context may have ended while the loop was left
			yield(Event{}, err)
		}
	}
}

// Run runs the client with its handlers, in the caller's goroutine. It blocks until
// the run has ended, and returns nil if it ended in order, otherwise the error that
// [Client.Events] would yield.
func (c *Client) Run(ctx context.Context) error {
	return c.run(ctx, func(Event) bool { return true })
}

// run is a run, whose consumer wants more events as long as it returns true.
func (c *Client) run(ctx context.Context, consume func(Event) bool) error {
	ctx, end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	reason := c.attempts(ctx, consume)
	end()
	c.cfg.Handlers.Close(reason)
	if inOrder(reason) {
		return nil
	}
	return reason
}

// inOrder reports whether the reason for a run's end is no failure.
func inOrder(reason error) bool {
	switch reason { //nolint:errorlint // Wrapped in an Error, each of them is one.
	case ErrClosed, ErrNoContent, ErrDone, io.EOF:
		return true
	}
	return false
}

// attempts connects again and again, and returns why no longer.
func (c *Client) attempts(ctx context.Context, consume func(Event) bool) error {
	p := pace{Backoff: c.cfg.Backoff, since: time.Now()}
	for ctx.Err() == nil {
		a := attempt{Client: c, consume: consume}
		err := a.do(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case a.left:
			return ErrClosed
		case err == ErrNoContent || err == ErrDone, //nolint:errorlint // They are never wrapped.
			err == io.EOF && c.cfg.OneShot: //nolint:errorlint // Wrapped, it is a reader's failure.
			return err
		}
		next, refused := Reconnect{Err: err}, a.idRefused(err)
		if err != ErrRestart || c.cfg.OneShot { //nolint:errorlint // It is never wrapped.
			p.ended(a.healthy(err))
			next.Delay, err = c.judge(ctx, &p, err, refused)
			if err != nil {
				return err
			}
		}
		next.Dropped = c.dropID(refused)
		next.Attempt, next.LastEventID = p.failures+1, c.LastEventID()
		c.cfg.Handlers.Reconnect(next)
		c.wait(ctx, next.Delay)
	}
	return context.Cause(ctx)
}

// judge returns how long to wait after an attempt that ended with err, or why
// there is no other. If the last event ID was refused, there is one without it.
func (c *Client) judge(ctx context.Context, p *pace, err error, refused bool) (time.Duration, error) {
	var reason Reason
	if !refused {
		reason = c.terminal(err)
	}
	veto := c.cfg.Handlers.Error(err)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if reason == "" && veto != nil {
		reason, err = Vetoed, veto
	}
	var delay time.Duration
	if reason == "" {
		delay, reason = p.next(c.reconnectionTime(), err)
	}
	if reason != "" {
		return 0, &Error{Reason: reason, Attempts: p.failures, Err: err}
	}
	return delay, nil
}

// terminal returns why there is no attempt after one that ended with err, or
// nothing if there is (section 9.2.3).
func (c *Client) terminal(err error) Reason {
	var (
		status      *StatusError
		contentType *ContentTypeError
		size        *core.SizeError
	)
	switch {
	case errors.As(err, &status):
		if c.cfg.RetryStatus == nil || c.cfg.OneShot || !c.cfg.RetryStatus(status.Status) {
			return Refused
		}
	case errors.As(err, &contentType):
		return NotEvents
	case errors.As(err, &size):
		return TooLarge
	case c.cfg.OneShot:
		return Broken
	}
	return ""
}

// wait lets the delay pass, unless a restart is asked for or the run ends.
func (c *Client) wait(ctx context.Context, delay time.Duration) {
	phase, cancel := c.phase(ctx, false)
	defer cancel(nil)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-phase.Done():
	}
}
