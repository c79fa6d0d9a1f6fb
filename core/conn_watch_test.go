package core_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// wantEnd waits for the end of a context, and checks its cause.
func wantEnd(ctx context.Context, t *testing.T, want error) {
	t.Helper()
	timer := time.NewTimer(20 * time.Second) // only a test that fails takes so long
	defer timer.Stop()
	select {
	case <-ctx.Done():
		if got := context.Cause(ctx); !errors.Is(got, want) {
			t.Errorf("cause: got %v, want %v", got, want)
		}
	case <-timer.C:
		t.Fatalf("context: got no end, want %v", want)
	}
}

func wantNoEnd(ctx context.Context, t *testing.T) {
	t.Helper()
	if ctx.Err() != nil {
		t.Errorf("context: got %v, want no end", context.Cause(ctx))
	}
}

// socket returns both ends of a connection.
func socket(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer func() { _ = ln.Close() }()
	if client, err = net.Dial("tcp4", ln.Addr().String()); err != nil {
		t.Fatalf("dial: %v", err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatalf("accept: %v", err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func allowRead() bool { return true }

func denyRead() bool { return false }

func TestConnWatch(t *testing.T) {
	t.Parallel()
	type key struct{}
	client, server := socket(t)
	w := core.WatchConn(server, allowRead)
	defer func() { _ = w.Close() }()
	deadline := time.Now().Add(time.Hour)
	parent, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "value"), deadline)
	defer cancel()
	ctx, other := w.Context(parent), w.Context(t.Context())
	if got, _ := ctx.Deadline(); got != deadline || ctx.Value(key{}) != "value" {
		t.Errorf("context: got deadline %v and value %v, want the parent's", got, ctx.Value(key{}))
	}
	if w.Context(t.Context()) != other || ctx == other {
		t.Error("contexts: want the same for the same parent, and another for another")
	}
	wantNoEnd(ctx, t)
	wantNoEnd(other, t)
	_ = client.Close()
	wantEnd(ctx, t, core.ErrClientGone)
	wantEnd(other, t, core.ErrClientGone)
	wantNoEnd(parent, t)
	wantEnd(w.Context(t.Context()), t, core.ErrClientGone)
}

// The contexts of a request end before the next request.
func TestConnWatchClose(t *testing.T) {
	t.Parallel()
	client, server := socket(t)
	w := core.WatchConn(server, allowRead)
	ctx := w.Context(t.Context())
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	next := core.WatchConn(server, allowRead)
	defer func() { _ = next.Close() }()
	wantEnd(ctx, t, context.Canceled)
	wantNoEnd(next.Context(t.Context()), t)
	_ = client.Close()
	wantEnd(next.Context(t.Context()), t, core.ErrClientGone)
	wantEnd(ctx, t, context.Canceled)
	wantEnd(w.Context(t.Context()), t, context.Canceled)
}

// Without Close, the contexts end with the connection.
func TestConnWatchNotClosed(t *testing.T) {
	t.Parallel()
	_, server := socket(t)
	ctx := core.WatchConn(server, allowRead).Context(t.Context())
	_ = server.Close()
	wantEnd(ctx, t, core.ErrClientGone)
}

func TestConnWatchParentEnds(t *testing.T) {
	t.Parallel()
	_, server := socket(t)
	w := core.WatchConn(server, allowRead)
	defer func() { _ = w.Close() }()
	reason := errors.New("reason")
	parent, cancel := context.WithCancelCause(t.Context())
	ctx := w.Context(parent)
	cancel(reason)
	wantEnd(ctx, t, reason)
	wantNoEnd(w.Context(t.Context()), t)
}

// uncomparableContext is a context that cannot be compared.
type uncomparableContext struct {
	context.Context //nolint:containedctx // It is one.

	_ []int
}

func TestConnWatchUncomparableParent(t *testing.T) {
	t.Parallel()
	w := core.WatchConn(nil, allowRead)
	first, second := w.Context(uncomparableContext{Context: t.Context()}), w.Context(uncomparableContext{Context: t.Context()})
	wantNoEnd(first, t)
	_ = w.Close()
	wantEnd(first, t, context.Canceled)
	wantEnd(second, t, context.Canceled)
}

// A connection in memory is read from only with permission.
func TestConnWatchReads(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	w := core.WatchConn(server, denyRead)
	_ = client.Close()
	wantNoEnd(w.Context(t.Context()), t)
	_, _ = w.Close(), server.Close()

	client, server = net.Pipe()
	w = core.WatchConn(server, allowRead)
	ctx := w.Context(t.Context())
	_ = client.Close()
	wantEnd(ctx, t, core.ErrClientGone)
	_, _ = w.Close(), server.Close()
}

// A connection is used for the next request, unless the watch has consumed
// input.
func TestConnWatchReadsInput(t *testing.T) {
	t.Parallel()
	for _, input := range []bool{false, true} {
		client, server := net.Pipe()
		w := core.WatchConn(server, allowRead)
		ctx := w.Context(t.Context())
		if input {
			if _, err := io.WriteString(client, "GET /next"); err != nil {
				t.Fatalf("input: %v", err)
			}
		}
		wantNoEnd(ctx, t)
		_ = w.Close()
		wantEnd(ctx, t, context.Canceled)
		go func() { _, _ = io.WriteString(client, "GET /next") }()
		if _, err := server.Read(make([]byte, 9)); (err != nil) != input {
			t.Errorf("read after input %t: got %v", input, err)
		}
		_, _ = client.Close(), server.Close()
	}
}
