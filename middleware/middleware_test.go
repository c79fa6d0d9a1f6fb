package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a gate with middleware, served on a socket.
type fixture struct {
	*httptest.Server

	hub    *core.Hub
	closed chan core.Summary // gets one of each stream, after all other hooks
}

// serve serves a subscription to the channels a and b.
func serve(t *testing.T, middleware ...core.Middleware) *fixture {
	t.Helper()
	f := &fixture{hub: core.NewHub(core.HubConfig{}), closed: make(chan core.Summary, 1000)}
	first := func(h *core.Handshake) error {
		h.OnClose(func(sum core.Summary) { f.closed <- sum })
		return nil
	}
	gate := core.NewGate(f.hub, core.GateConfig{Middleware: append([]core.Middleware{first}, middleware...)})
	mux := http.NewServeMux()
	mux.Handle("/events", gate.Subscribe("a", "b"))
	mux.Handle("/answer", gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "42"}) }))
	f.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		if err := f.hub.Close(); err != nil {
			t.Error(err)
		}
		f.Close()
	})
	return f
}

// reply is a response, which may be a stream.
type reply struct {
	*http.Response

	events *core.Decoder
	leave  func()
}

// get requests a path, and returns when the stream has opened or was refused.
func (f *fixture) get(t *testing.T, path string, header ...string) *reply {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	response, err := f.Client().Do(r) //nolint:bodyclose // Closed by leave.
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	resp := &reply{Response: response}
	resp.leave = func() {
		cancel()
		_ = response.Body.Close()
	}
	t.Cleanup(resp.leave)
	if response.StatusCode == http.StatusOK {
		body := bufio.NewReader(response.Body)
		resp.events = core.NewDecoder(body, core.DecoderConfig{})
		for { // the line of the comment that says that the stream is open
			line, err := body.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == ": open\n" {
				break
			}
		}
	}
	return resp
}

// next returns the data of the next event.
func (resp *reply) next(t *testing.T) string {
	t.Helper()
	ev, err := resp.events.Next()
	if err != nil {
		t.Fatal(err)
	}
	return ev.Data
}

// ended waits for the end of a stream, and returns its summary.
func (f *fixture) ended(t *testing.T) core.Summary {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	select {
	case sum := <-f.closed:
		return sum
	case <-limit.C:
		t.Fatal("got no end of the stream")
		return core.Summary{}
	}
}

func (f *fixture) publish(t *testing.T, channel string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := f.hub.Publish(t.Context(), channel, core.Event{Data: text}); err != nil {
			t.Fatal(err)
		}
	}
}

// metrics counts what hooks report.
type metrics struct{ open, refused, events, bytes atomic.Int64 }

func (m *metrics) middleware(h *core.Handshake) error {
	h.OnOpen(func() { m.open.Add(1) })
	h.OnClose(func(sum core.Summary) {
		if sum.Opened {
			m.open.Add(-1)
			return
		}
		m.refused.Add(1)
	})
	h.OnDeliver(func(events, bytes int) {
		m.events.Add(int64(events))
		m.bytes.Add(int64(bytes))
	})
	return nil
}

// auth admits requests with a token, for as long as that is valid. It sends
// each stream to a channel, so that a test can revoke it.
func auth(streams chan<- *core.Stream) core.Middleware {
	return func(h *core.Handshake) error {
		name, ok := strings.CutPrefix(h.Request().Header.Get("Authorization"), "Bearer ")
		if !ok {
			r := core.Refuse(http.StatusUnauthorized, "Log in.")
			r.Header = http.Header{"Www-Authenticate": {"Bearer"}}
			return r
		}
		h.SetIdentity(name)
		h.SetExpiry(time.Now().Add(time.Hour))
		streams <- h.Stream
		return nil
	}
}

// private filters events for other users.
func private(h *core.Handshake) error {
	name := h.Identity()
	h.SetFilter(func(ev core.Delivery) bool {
		to, _, ok := strings.Cut(ev.Data, ":")
		return !ok || to == name
	})
	return nil
}

// The mechanism suffices for middleware of all kinds, at one gate.
func TestMiddlewareComposes(t *testing.T) {
	t.Parallel()
	var m metrics
	streams := make(chan *core.Stream, 1)
	site := serve(t, m.middleware, auth(streams), private)

	refused := site.get(t, "/events")
	if refused.StatusCode != http.StatusUnauthorized || refused.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("got %s, %v, want 401 and how to log in", refused.Status, refused.Header)
	}
	if sum := site.ended(t); sum.Opened {
		t.Errorf("got %+v, want a stream that did not open", sum)
	}
	site.publish(t, "a", "bob:replayed", "ann:replayed")
	// To have an ID from before: that of the history's beginning.
	first, err := site.hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 1)
	if err != nil || len(first) != 1 {
		t.Fatalf("got %v, %v, want the first event", first, err)
	}
	resp := site.get(t, "/events", "Authorization", "Bearer ann", "Last-Event-ID", first[0].ID)
	site.publish(t, "a", "bob:live", "ann:live", "for all")
	var got []string
	for range 3 {
		got = append(got, resp.next(t))
	}
	if want := []string{"ann:replayed", "ann:live", "for all"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := m.open.Load(); got != 1 {
		t.Errorf("got %d open streams, want 1", got)
	}
	(<-streams).SetExpiry(time.Now())
	if data := resp.next(t); data != `{"reason":"expired"}` {
		t.Errorf("got %q, want why the stream ends", data)
	}
	if _, err := resp.events.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the stream's end when the token is revoked", err)
	}
	sum := site.ended(t)
	if !errors.Is(sum.Reason, core.ErrExpired) || sum.Events != 3 {
		t.Errorf("got %+v, want the expiry after 3 events", sum)
	}
	if m.open.Load() != 0 || m.refused.Load() != 1 || m.events.Load() != 3 || m.bytes.Load() != sum.Bytes {
		t.Errorf("got %d open, %d refused, %d events, %d bytes, want 0, 1, 3, %d",
			m.open.Load(), m.refused.Load(), m.events.Load(), m.bytes.Load(), sum.Bytes)
	}
}
