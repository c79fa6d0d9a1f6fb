package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waits of tests over real sockets.
const patience = 20 * time.Second

// network is a network in memory, for tests in a synctest bubble. Its only
// server has every address.
type network struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*network)(nil)

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.conns <- there:
		return here, nil
	case <-n.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// serve serves in memory until the test ends, and returns a client for it.
func serve(t *testing.T, h http.HandlerFunc) *http.Client {
	t.Helper()
	n := &network{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(n)
	}()
	transport := &http.Transport{DialContext: n.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return &http.Client{Transport: transport}
}

// attempts returns a handler that has one handler for each request, and answers
// 204 to those after the last.
func attempts(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		if len(handlers) > 0 {
			h, handlers = handlers[0], handlers[1:]
		}
		mu.Unlock()
		h(w, r)
	}
}

// stream returns a handler that sends parts of an event stream, each by
// itself, and ends the stream in order.
func stream(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush(w)
		for _, part := range parts {
			_, _ = w.Write([]byte(part))
			flush(w)
		}
	}
}

// cut returns a handler that sends parts of a stream and breaks the connection.
func cut(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream(parts...)(w, r)
		panic(http.ErrAbortHandler)
	}
}

// stall returns a handler that sends parts of a stream and then nothing.
func stall(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream(parts...)(w, r)
		<-r.Context().Done()
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// open returns a client for a server in memory.
func open(t *testing.T, cfg client.Config, h http.HandlerFunc) *client.Client {
	t.Helper()
	cfg.HTTPClient = serve(t, h)
	if cfg.URL == "" {
		cfg.URL = "http://a.example/events"
	}
	return create(t, cfg)
}

func create(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatalf("New: got error %v, want a client", err)
	}
	return c
}

// show returns an event on one line.
func show(ev client.Event) string {
	return fmt.Sprintf("%s %q %q", ev.Name, ev.LastEventID, ev.Data)
}

// collect returns the events of a run on a line each, and its last error.
func collect(t *testing.T, c *client.Client) (string, error) {
	t.Helper()
	var lines []string
	for ev, err := range c.Events(t.Context()) {
		if err != nil {
			return strings.Join(lines, "\n"), err
		}
		lines = append(lines, show(ev))
	}
	return strings.Join(lines, "\n"), nil
}

// equal compares what a test got with what it wants.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantReason checks that err is an Error with that reason.
func wantReason(t *testing.T, err error, reason client.Reason) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("the run's end: got %v, want the reason %q", err, reason)
	}
}

// log records the calls of handlers, in order.
type log struct{ lines []string }

func (l *log) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) String() string { return strings.Join(l.lines, "\n") }
