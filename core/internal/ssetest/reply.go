package ssetest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Reply is an answer whose body is read as it comes: first block by block as it
// is on the wire, then event by event.
type Reply struct {
	*http.Response

	in     *bufio.Reader
	dec    *core.Decoder
	cancel context.CancelFunc
}

// Cancel ends the exchange.
func (r *Reply) Cancel() {
	r.cancel()
	_ = r.Body.Close()
}

// Block returns the text up to and with the next blank line. It must not be
// called after Next.
func (r *Reply) Block() (string, error) {
	var text strings.Builder
	for {
		line, err := r.in.ReadString('\n')
		text.WriteString(line)
		if err != nil || line == "\n" {
			return text.String(), err
		}
	}
}

// MustBlock is Block for one that comes.
func (r *Reply) MustBlock(tb testing.TB) string {
	tb.Helper()
	got, err := r.Block()
	if err != nil {
		tb.Fatalf("block: got %q and %v, want one", got, err)
	}
	return got
}

// WantBlock reads a block that must be this one.
func (r *Reply) WantBlock(tb testing.TB, want string) {
	tb.Helper()
	if got := r.MustBlock(tb); got != want {
		tb.Fatalf("block: got %q, want %q", got, want)
	}
}

// Prelude reads the blocks that every stream begins with.
func (r *Reply) Prelude(tb testing.TB) {
	tb.Helper()
	r.WantBlock(tb, "retry: 3000\n\n")
	if got := r.MustBlock(tb); !strings.HasPrefix(got, ":") {
		tb.Fatalf("second block: got %q, want a comment", got)
	}
}

// Next returns the next event.
func (r *Reply) Next() (core.Event, error) {
	if r.dec == nil {
		r.dec = core.NewDecoder(r.in, core.DecoderConfig{})
	}
	return r.dec.Next()
}

// LastEventID returns the ID to resume after, as far as Next has read.
func (r *Reply) LastEventID() string { return r.dec.LastEventID() }

// RetryTime returns the latest time to reconnect, as far as Next has read.
func (r *Reply) RetryTime() (time.Duration, bool) { return r.dec.Retry() }

// Event is Next for an event that comes.
func (r *Reply) Event(tb testing.TB) core.Event {
	tb.Helper()
	ev, err := r.Next()
	if err != nil {
		tb.Fatalf("event: got %v, want one", err)
	}
	return ev
}

// WantData reads an event that must have this data.
func (r *Reply) WantData(tb testing.TB, want string) core.Event {
	tb.Helper()
	ev := r.Event(tb)
	if ev.Data != want {
		tb.Fatalf("event's data: got %q, want %q", ev.Data, want)
	}
	return ev
}

// WantEnd reads the end of the stream, which must be in order and come before
// another event.
func (r *Reply) WantEnd(tb testing.TB) {
	tb.Helper()
	if ev, err := r.Next(); !errors.Is(err, io.EOF) {
		tb.Fatalf("end of the stream: got event %+v and error %v, want io.EOF", ev, err)
	}
}

// Text returns the rest of the body.
func (r *Reply) Text(tb testing.TB) string {
	tb.Helper()
	body, err := io.ReadAll(r.in)
	if err != nil {
		tb.Fatalf("body: got %q and %v", body, err)
	}
	return string(body)
}
