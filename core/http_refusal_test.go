package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

func TestRefusalOnTheWire(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		err        error
		status     int
		body       string
		retryAfter string
		logged     bool
	}{
		"message":         {core.Refuse(403, "No."), 403, "No.\n", "", false},
		"status text":     {&core.Refusal{Status: 403}, 403, "Forbidden\n", "", false},
		"finished":        {core.Finished(), 204, "", "", false},
		"redirect":        {&core.Refusal{Status: 303, Header: http.Header{"location": {"/x"}}}, 303, "See Other\n", "", false},
		"not modified":    {&core.Refusal{Status: 304}, 304, "", "", false},
		"retry after":     {&core.Refusal{Status: 503, RetryAfter: 1100 * time.Millisecond}, 503, "Service Unavailable\n", "2", false},
		"cause":           {&core.Refusal{Status: 500, Message: "Oops.", Err: boom}, 500, "Oops.\n", "", true},
		"wrapped":         {fmt.Errorf("auth: %w", core.Refuse(401, "Who?")), 401, "Who?\n", "", false},
		"any error":       {boom, 500, "Internal Server Error\n", "", true},
		"success":         {&core.Refusal{Status: 200}, 500, "Internal Server Error\n", "", true},
		"no status":       {&core.Refusal{}, 500, "Internal Server Error\n", "", true},
		"beyond statuses": {&core.Refusal{Status: 1000}, 500, "Internal Server Error\n", "", true},
		"nil refusal":     {(*core.Refusal)(nil), 500, "Internal Server Error\n", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate, log := gateOf(func(*core.Handshake) error { return test.err })
			w := httptest.NewRecorder()
			gate.Handle(waitForEnd).ServeHTTP(w, newRequest(t, t.Context()))
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, test.status, test.body)
			}
			h := w.Header()
			if got := h.Get("Retry-After"); got != test.retryAfter {
				t.Errorf("got Retry-After %q, want %q", got, test.retryAfter)
			}
			if h.Get("Cache-Control") != "no-store" || (name == "redirect") != (h.Get("Location") == "/x") {
				t.Errorf("got header %v", h)
			}
			if got := log.Len() > 0; got != test.logged || strings.Contains(log.String(), "secret") {
				t.Errorf("got logged %v, want %v: %s", got, test.logged, log)
			}
			if strings.Contains(w.Body.String(), "boom") {
				t.Error("the client was told the cause")
			}
			// The same without a body.
			head := newRequest(t, t.Context())
			head.Method = http.MethodHead
			w = httptest.NewRecorder()
			gate.Handle(waitForEnd).ServeHTTP(w, head)
			if w.Code != test.status || w.Body.Len() > 0 {
				t.Errorf("got %d %q for HEAD, want %d", w.Code, w.Body, test.status)
			}
		})
	}
}

func TestRefusalError(t *testing.T) {
	t.Parallel()
	r := &core.Refusal{Status: 429, Err: errors.New("cause")}
	wantText(t, r.Error(), "tidings: refused with 429: Too Many Requests: cause")
	wantText(t, core.Refuse(403, "No.").Error(), "tidings: refused with 403: No.")
}

func TestGateChecksTheRequest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", core.MaxIDBytes)
	for name, test := range map[string]struct {
		query, header, accept string
		status                int
		id                    string
	}{
		"plain":               {"", "", "text/event-stream", 200, ""},
		"not acceptable":      {"", "", "text/html", 406, ""},
		"header":              {"", "7", "", 200, "7"},
		"query":               {"lastEventId=7", "", "", 200, "7"},
		"query, other case":   {"LASTEVENTID=7", "", "", 200, "7"},
		"header before query": {"lastEventId=8", "7", "", 200, "7"},
		"empty query":         {"lastEventId=&a=b", "", "", 200, ""},
		"longest":             {"", long, "", 200, long},
		"too long":            {"", long + "x", "", 400, ""},
		"line break":          {"lastEventId=a%0Ab", "", "", 400, ""},
		"NUL":                 {"lastEventId=%00", "", "", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRequest(t, t.Context())
			r.URL.RawQuery = test.query
			if test.header != "" {
				r.Header.Set("Last-Event-ID", test.header)
			}
			if test.accept != "" {
				r.Header.Set("Accept", test.accept)
			}
			var id string
			w := httptest.NewRecorder()
			core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
				id = s.LastEventID()
				return nil
			}).ServeHTTP(w, r)
			if w.Code != test.status || id != test.id {
				t.Errorf("got %d with id %.20q, want %d with %.20q: %s", w.Code, id, test.status, test.id, w.Body)
			}
			if h := w.Header(); test.status == 200 &&
				(h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" ||
					h.Get("Cache-Control") != "no-cache, no-transform" || h.Get("Connection") != "") {
				t.Errorf("got header %v", h)
			}
		})
	}
}

func TestSubscribeFuncErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		channels []string
		err      error
		want     int
	}{
		"refusal":      {nil, core.Refuse(403, ""), 403},
		"error":        {nil, errors.New("boom"), 500},
		"wrapped":      {nil, fmt.Errorf("wrapped: %w", core.Refuse(403, "")), 403},
		"bad name":     {[]string{"a\n"}, nil, 400},
		"long name":    {[]string{strings.Repeat("x", core.MaxChannelBytes+1)}, nil, 400},
		"too many":     {manyChannels(), nil, 400},
		"none":         {nil, nil, 500},
		"no objection": {[]string{"a"}, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{}).SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
				return core.Subscription{Channels: test.channels}, test.err
			})
			for _, method := range []string{http.MethodHead, http.MethodGet} {
				r := newRequest(t, t.Context())
				r.Method = method
				o := endpoint.Open(core.Request{Request: r})
				if o.Status != test.want {
					t.Errorf("got %d for %s, want %d", o.Status, method, test.want)
				}
				if o.Streams {
					o.Abandon(errors.New("only a try"))
				}
			}
		})
	}
}

func manyChannels() []string {
	names := make([]string, core.MaxChannels+1)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

// A HEAD request receives the head. It does not count as a stream, and opens
// none.
func TestHead(t *testing.T) {
	t.Parallel()
	var sums []core.Summary
	gate, _ := gateOf(func(h *core.Handshake) error {
		h.OnOpen(func() { t.Error("HEAD opened a stream") })
		h.OnClose(func(got core.Summary) { sums = append(sums, got) })
		return nil
	})
	once := gate.OneShot(func(*core.Handshake) (core.Event, error) { return event("a"), nil })
	for _, endpoint := range []*core.Endpoint{gate.Handle(waitForEnd), gate.Subscribe("c"), once} {
		r := newRequest(t, t.Context())
		r.Method = http.MethodHead
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() > 0 {
			t.Errorf("got %d %v %q, want the head of a stream", w.Code, w.Header(), w.Body)
		}
	}
	for _, sum := range sums {
		if sum.Opened || sum.Events != 0 || sum.Bytes != 0 {
			t.Errorf("got %+v, want nothing opened nor sent", sum)
		}
	}
	if got := gate.Hub().Stats(); got.Streams != 0 || got.Channels != 0 || len(sums) != 3 {
		t.Errorf("got %+v and %d summaries, want none left and 3", got, len(sums))
	}
}

func TestOneShot(t *testing.T) {
	t.Parallel()
	var got []string
	var sum core.Summary
	gate, _ := gateOf(func(h *core.Handshake) error {
		h.OnOpen(func() { got = append(got, "open") })
		h.OnDeliver(func(events, bytes int) { got = append(got, fmt.Sprint(events, " ", bytes)) })
		h.OnClose(func(s core.Summary) { got = append(got, "close"); sum = s })
		return h.Send(event("greeting"))
	})
	w := httptest.NewRecorder()
	gate.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{Data: "a", Retry: time.Minute}, nil
	}).ServeHTTP(w, newRequest(t, t.Context()))
	const want = "data: greeting\n\nretry: 60000\ndata: a\n\n"
	wantText(t, w.Body.String(), want)
	wantText(t, strings.Join(got, ", "), fmt.Sprintf("open, 2 %d, close", len(want)))
	if !sum.Opened || sum.Events != 2 || sum.Bytes != int64(len(want)) || !errors.Is(sum.Reason, core.ErrClosed) {
		t.Errorf("got %+v, want 2 events and %d bytes", sum, len(want))
	}
}

func TestOneShotRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		render func(*core.Handshake) (core.Event, error)
		want   int
	}{
		"finished":  {func(*core.Handshake) (core.Event, error) { return core.Event{}, core.Finished() }, 204},
		"error":     {func(*core.Handshake) (core.Event, error) { return core.Event{}, errors.New("boom") }, 500},
		"bad event": {func(*core.Handshake) (core.Event, error) { return core.Event{ID: "\n"}, nil }, 500},
		"panic":     {func(*core.Handshake) (core.Event, error) { panic("boom") }, 500},
		// Another stream's end is an error; its own makes the client come back.
		"another's end": {func(*core.Handshake) (core.Event, error) { return core.Event{}, core.ErrClosed }, 500},
		"its own end":   {func(h *core.Handshake) (core.Event, error) { _ = h.Close(); return core.Event{}, h.Err() }, 200},
		"refused":       {func(h *core.Handshake) (core.Event, error) { _ = h.Close(); return core.Event{}, core.Refuse(403, "") }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate, _ := gateOf(func(h *core.Handshake) error {
				h.OnOpen(func() { t.Error("a refused stream opened") })
				return nil
			})
			w := httptest.NewRecorder()
			gate.OneShot(test.render).ServeHTTP(w, newRequest(t, t.Context()))
			if w.Code != test.want {
				t.Errorf("got %d, want %d", w.Code, test.want)
			}
		})
	}
}

// A client that disconnects before its event is not logged as an error.
func TestOneShotClientLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var sum core.Summary
		gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Middleware: []core.Middleware{func(h *core.Handshake) error {
				h.OnClose(func(got core.Summary) { sum = got })
				return nil
			}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		r := newRequest(t, ctx)
		time.AfterFunc(time.Second, cancel)
		gate.OneShot(func(h *core.Handshake) (core.Event, error) {
			<-h.Done()
			return core.Event{}, h.Context().Err()
		}).Open(core.Request{Request: r})
		wantReason(t, sum.Reason, core.ErrClientGone)
		if log.Len() > 0 {
			t.Errorf("got the log %q, want nothing", &log)
		}
	})
}

// The body of a request must be read before its connection is watched: reading
// and watching exclude each other.
func TestBodyComesFromTheWatchedConnection(t *testing.T) {
	t.Parallel()
	client, server := tcpPair(t)
	// The client sends a byte whenever the server is about to read one.
	body := iotest.OneByteReader(io.LimitReader(server, 20))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", readerFunc(func(p []byte) (int, error) {
		go func() { _, _ = client.Write([]byte("x")) }()
		return body.Read(p)
	}))
	stuck := time.AfterFunc(10*time.Second, func() { _ = client.Close() })
	var got []byte
	var reason error
	o := core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
		if !stuck.Stop() {
			t.Error("the body was not read until the client hung up")
		}
		got, _ = io.ReadAll(s.Request().Body)
		_ = client.Close()
		<-s.Done()
		reason = s.Err()
		return nil
	}).Open(core.Request{Request: r, NetConn: server})
	if !o.Streams {
		t.Fatalf("got %d: %s", o.Status, o.Body)
	}
	o.Run(newMemConn())
	wantText(t, string(got), strings.Repeat("x", 20))
	wantReason(t, reason, core.ErrClientGone)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // It has done its work.
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit int64
		body  io.Reader
		want  int
	}{
		"none":               {0, http.NoBody, 200},
		"default":            {0, strings.NewReader(strings.Repeat("x", 1<<20)), 200},
		"over default":       {0, strings.NewReader(strings.Repeat("x", 1<<20+1)), 413},
		"at the limit":       {3, strings.NewReader("abc"), 200},
		"over the limit":     {3, strings.NewReader("abcd"), 413},
		"no limit":           {math.MaxInt64, strings.NewReader("abc"), 200},
		"none allowed":       {-1, strings.NewReader("a"), 413},
		"none allowed, none": {-1, http.NoBody, 200},
		// HTTP/2 has such bodies where there is none.
		"none allowed, empty": {-1, io.MultiReader(), 200},
		"broken":              {0, iotest.ErrReader(io.ErrUnexpectedEOF), 400},
		"server's limit":      {0, iotest.ErrReader(&http.MaxBytesError{}), 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", test.body)
			var read []byte
			if s, ok := test.body.(*strings.Reader); ok {
				read = make([]byte, s.Len())
				_, _ = s.ReadAt(read, 0)
			}
			o := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{MaxBody: test.limit}).Handle(func(s *core.Sender) error {
				if got, err := io.ReadAll(s.Request().Body); err != nil || !bytes.Equal(got, read) {
					t.Errorf("got a body of %d bytes, %v, want %d", len(got), err, len(read))
				}
				return nil
			}).Open(core.Request{Request: r})
			if o.Status != test.want {
				t.Errorf("got %d: %s, want %d", o.Status, o.Body, test.want)
			}
			if o.Streams {
				o.Run(newMemConn())
			}
		})
	}
}

// The reason of a refused stream is the returned refusal, for errors.Is.
func TestRefusalIsTheOneReturned(t *testing.T) {
	t.Parallel()
	banned, other := core.Refuse(403, "No."), core.Refuse(403, "No.")
	var sum core.Summary
	gate, _ := gateOf(func(h *core.Handshake) error {
		h.OnClose(func(got core.Summary) { sum = got })
		return fmt.Errorf("at the door: %w", banned)
	})
	gate.Handle(waitForEnd).ServeHTTP(httptest.NewRecorder(), newRequest(t, t.Context()))
	if !errors.Is(sum.Reason, banned) || errors.Is(sum.Reason, other) {
		t.Errorf("reason %v: got is the one returned %t, is another %t, want true and false",
			sum.Reason, errors.Is(sum.Reason, banned), errors.Is(sum.Reason, other))
	}
}
