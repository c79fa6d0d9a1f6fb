package core_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// memConn is a connection in memory. It keeps what each flush sent and when,
// can block and fail, and honours its deadline.
type memConn struct {
	created time.Time
	busy    atomic.Int32 // in Write or Flush

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced when something changes
	pending    []byte
	flushes    []flush
	deadline   time.Time
	blocked    bool
	err        error
	returned   bool // Run has returned
	violations []string
}

type flush struct {
	at   time.Duration
	text string
}

var _ core.Conn = (*memConn)(nil)

func newMemConn() *memConn {
	return &memConn{created: time.Now(), changed: make(chan struct{})}
}

func (c *memConn) enter(what string) (leave func()) {
	alone := c.busy.Add(1) == 1
	c.mu.Lock()
	defer c.mu.Unlock()
	if !alone {
		c.violations = append(c.violations, "a concurrent "+what)
	}
	if c.returned {
		c.violations = append(c.violations, "a late "+what)
	}
	return func() { c.busy.Add(-1) }
}

func (c *memConn) Write(p []byte) (int, error) {
	defer c.enter("Write")()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.pending = append(c.pending, p...)
	return len(p), nil
}

func (c *memConn) Flush() error {
	defer c.enter("Flush")()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return c.err
		case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
			return os.ErrDeadlineExceeded
		case !c.blocked:
			c.flushes = append(c.flushes, flush{time.Since(c.created), string(c.pending)})
			c.pending = nil
			c.change()
			return nil
		}
		c.await(c.deadline)
	}
}

// await waits for a change, or until a deadline. The caller holds c.mu.
func (c *memConn) await(until time.Time) {
	changed := c.changed
	c.mu.Unlock()
	defer c.mu.Lock()
	if until.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.returned {
		c.violations = append(c.violations, "a late SetWriteDeadline")
	}
	c.deadline = t
	c.change()
	return nil
}

// change wakes goroutines in await. The caller holds c.mu.
func (c *memConn) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *memConn) set(blocked bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked, c.err = blocked, err
	c.change()
}

func (c *memConn) block()         { c.set(true, nil) }
func (c *memConn) unblock()       { c.set(false, nil) }
func (c *memConn) fail(err error) { c.set(false, err) }

// sent returns the flushes so far.
func (c *memConn) sent() []flush {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.flushes)
}

// text returns all that was flushed, or the flush with that index.
func (c *memConn) text(index ...int) string {
	var b strings.Builder
	for i, f := range c.sent() {
		if len(index) == 0 || slices.Contains(index, i) {
			b.WriteString(f.text)
		}
	}
	return b.String()
}

// times returns when each flush was sent.
func (c *memConn) times() []time.Duration {
	var at []time.Duration
	for _, f := range c.sent() {
		at = append(at, f.at)
	}
	return at
}

// memClient is a client of an endpoint on a memConn.
type memClient struct {
	conn   *memConn
	hangUp context.CancelFunc
	done   chan struct{} // closed when Run has returned
}

func newRequest(t *testing.T, ctx context.Context) *http.Request { //nolint:revive // As the testing package has it.
	t.Helper()
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/path?secret=1", http.NoBody)
}

// connect opens a stream and runs it. It is ended with the test, at the latest.
func connect(t *testing.T, e *core.Endpoint) *memClient {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	return connectAs(t, e, newRequest(t, ctx), cancel, newMemConn())
}

func connectAs(t *testing.T, e *core.Endpoint, r *http.Request, hangUp context.CancelFunc, conn *memConn) *memClient {
	t.Helper()
	o := e.Open(core.Request{Request: r})
	if !o.Streams {
		t.Fatalf("no stream: got status %d: %s", o.Status, o.Body)
	}
	c := &memClient{conn: conn, hangUp: hangUp, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		o.Run(conn)
		conn.mu.Lock()
		defer conn.mu.Unlock()
		conn.returned = true
	}()
	t.Cleanup(func() {
		hangUp()
		<-c.done
		for _, w := range conn.violations {
			t.Errorf("got %s", w)
		}
	})
	return c
}

// openSender opens a stream, and returns the sender that its handler has
// received. The handler returns when the stream ends.
func openSender(t *testing.T, cfg core.GateConfig) (*core.Sender, *memClient) {
	t.Helper()
	streams := make(chan *core.Sender, 1)
	c := connect(t, core.NewGate(core.NewHub(core.HubConfig{}), cfg).Handle(func(s *core.Sender) error {
		streams <- s
		<-s.Done()
		return nil
	}))
	return <-streams, c
}

func event(data string) core.Event { return core.Event{Data: data} }

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantReason(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got reason %v, want %v", got, want)
	}
}

func TestStreamGreetsAndSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		if err := s.Send(core.Event{ID: "1", Data: "a"}, event("b")); err != nil {
			t.Fatal(err)
		}
		if err := s.SendJSON(core.Event{Name: "n", Data: "replaced"}, []int{1}); err != nil {
			t.Fatal(err)
		}
		if err := s.Comment("c"); err != nil {
			t.Fatal(err)
		}
		if err := s.Retry(time.Second); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"retry: 3000\n\n: open\n\n", "data: a\nid: 1\n\ndata: b\n\n",
			"event: n\ndata: [1]\n\n", ": c\n\n", "retry: 1000\n\n",
		}
		for i, text := range want {
			wantText(t, c.conn.text(i), text)
		}
	})
}

func TestSendIsAllOrNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		var bad *core.FieldError
		if err := s.Send(event("a"), core.Event{Name: "x\ny"}, event("b")); !errors.As(err, &bad) {
			t.Errorf("got %v, want a FieldError", err)
		}
		if err := s.SendJSON(core.Event{}, make(chan int)); err == nil {
			t.Error("got no error for what JSON has no form for")
		}
		if err := s.Err(); err != nil {
			t.Errorf("the stream ended: %v", err)
		}
		if err := s.Send(event("c")); err != nil {
			t.Fatal(err)
		}
		wantText(t, c.conn.text(1), "data: c\n\n")
	})
}

// An event that cannot be encoded does not affect other events that wait for
// the same flush.
func TestBadEventLeavesOthersBatchAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		c.conn.block()
		results := make(chan error, 3)
		for _, data := range []string{"first", "second", "third"} {
			go func() { results <- s.Send(event(data)) }()
			synctest.Wait()
		}
		if err := s.Send(event("lost"), core.Event{ID: "\x00"}); err == nil {
			t.Error("got no error for a bad event")
		}
		c.conn.unblock()
		for range 3 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		wantText(t, c.conn.text(1), "data: first\n\n")
		wantText(t, c.conn.text(2), "data: second\n\ndata: third\n\n")
	})
}

func TestNothingToSendSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		if err := errors.Join(s.Send(), s.Retry(0)); err != nil {
			t.Fatal(err)
		}
		if got := len(c.conn.sent()); got != 1 {
			t.Errorf("got %d flushes, want that of the head only", got)
		}
	})
}

func TestFirstReasonWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		for range 10 {
			go func() { _ = s.Close() }()
		}
		<-c.done
		c.hangUp()
		s.SetExpiry(time.Now().Add(-time.Second))
		synctest.Wait()
		wantReason(t, s.Err(), core.ErrClosed)
		wantReason(t, context.Cause(s.Context()), core.ErrClosed)
		wantReason(t, s.Send(event("late")), core.ErrClosed)
		wantReason(t, s.Comment("late"), core.ErrClosed)
		<-s.Draining()
		wantText(t, c.conn.text(), "retry: 3000\n\n: open\n\n")
	})
}

func TestHandlersErrorIsTheReason(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		handle core.Handler
		want   error
	}{
		"nil":     {func(*core.Sender) error { return nil }, core.ErrClosed},
		"error":   {func(*core.Sender) error { return boom }, boom},
		"panic":   {func(*core.Sender) error { panic(boom) }, core.ErrPanic},
		"abort":   {func(*core.Sender) error { panic(http.ErrAbortHandler) }, core.ErrPanic},
		"latched": {func(s *core.Sender) error { _ = s.Close(); return boom }, core.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sum core.Summary
				gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
					h.OnClose(func(got core.Summary) { sum = got })
					return nil
				}}})
				<-connect(t, gate.Handle(test.handle)).done
				wantReason(t, sum.Reason, test.want)
				if !sum.Opened {
					t.Error("got a summary that says the stream did not open")
				}
			})
		})
	}
}
