package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core"
)

// watch calls a function if nothing happens for a while.
type watch struct{ timer *time.Timer }

func newWatch(silent func()) watch {
	t := time.AfterFunc(time.Hour, silent)
	t.Stop()
	return watch{timer: t}
}

// start begins to wait, for ever if d is 0.
func (w watch) start(d time.Duration) {
	if d > 0 {
		w.timer.Reset(d)
	}
}

func (w watch) stop() { w.timer.Stop() }

// source is what the decoder of an attempt reads from.
type source struct {
	attempt *attempt
	body    io.Reader
	decoder *core.Decoder
}

// Read reads. All events before have been passed on by then: the last event ID
// counts, also if the stream has just told it, without an event.
func (s *source) Read(p []byte) (int, error) {
	s.attempt.resumeAt(s.decoder.LastEventID())
	if idle := s.attempt.cfg.IdleTimeout; idle > 0 {
		s.attempt.watch.start(idle)
		defer s.attempt.watch.stop()
	}
	return s.body.Read(p) //nolint:wrapcheck // The decoder passes it on to read.
}

// read passes on what the stream sends, and returns why that has ended.
func (a *attempt) read(ctx context.Context, resp *http.Response) error {
	src := &source{attempt: a, body: resp.Body}
	cfg := core.DecoderConfig{MaxLine: a.cfg.MaxLine, MaxEvent: a.cfg.MaxEvent, LastEventID: a.LastEventID()}
	if comment := a.cfg.Handlers.Comment; comment != nil {
		cfg.OnComment = func(text string) {
			if ctx.Err() == nil {
				comment(text)
			}
		}
	}
	d := core.NewDecoder(src, cfg)
	src.decoder = d
	defer func() {
		if a.retry, a.retrySet = d.Retry(); a.retrySet { // it counts as soon as it is read
			a.reconnectAfter(a.cfg.Backoff.granted(a.retry))
		}
	}()
	a.opened = time.Now()
	a.cfg.Handlers.Open(resp.Header)
	for {
		ev, err := d.Next()
		if ctx.Err() != nil { // what was not passed on, the next attempt asks for
			return a.why(ctx, err)
		}
		a.resumeAt(d.LastEventID())
		if err != nil {
			return a.ended(err)
		}
		if ev.Data == a.cfg.Terminator && ev.Data != "" {
			a.drain(resp.Body)
			return ErrDone
		}
		a.events++
		if !a.dispatch(ctx, ev, d.LastEventID()) {
			a.left = true
			return nil
		}
	}
}

// ended returns why the stream has, where the decoder says err.
func (a *attempt) ended(err error) error {
	if size := (*core.SizeError)(nil); errors.As(err, &size) {
		return err
	}
	if err != io.EOF { //nolint:errorlint // Wrapped, it is a reader's failure.
		return a.failed(err)
	}
	if a.cfg.OneShot && a.cfg.Terminator != "" {
		return a.failed(io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// dispatch passes an event on, and reports whether its consumer wants more.
func (a *attempt) dispatch(ctx context.Context, ev core.Event, lastID string) bool {
	if ev.Name == "" {
		ev.Name = "message"
	}
	e := Event{Event: ev, LastEventID: lastID}
	h := &a.cfg.Handlers
	if named := h.Named[e.Name]; named != nil {
		if named(e); ctx.Err() != nil {
			return true
		}
	}
	if h.Event != nil {
		if h.Event(e); ctx.Err() != nil {
			return true
		}
	}
	return a.consume(e)
}
