package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// logBuffer is a log in JSON that several streams write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

// lines returns the lines so far, without what is never the same.
func (b *logBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if strings.Contains(b.buf.String(), "hidden") {
		t.Errorf("got a secret logged: %s", &b.buf)
	}
	var all []map[string]any
	for text := range strings.Lines(b.buf.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"time", "remote", "stream"} {
			if msg, _ := line["msg"].(string); key == "stream" && strings.Contains(msg, "change") {
				continue // of which stream, matters there
			}
			if text, _ := line[key].(string); text == "" {
				t.Errorf("got no %s in %v", key, line)
			}
			delete(line, key)
		}
		if d, ok := line["duration"].(float64); ok != (line["msg"] != "stream opened") || ok && d <= 0 {
			t.Errorf("got duration %v in %v", line["duration"], line)
		}
		delete(line, "duration")
		if end, _ := line["end"].(string); (end != "") != (line["reason"] != nil) {
			t.Errorf("got end %q in %v, want one beside each reason", end, line)
		}
		delete(line, "end")
		all = append(all, line)
	}
	return all
}

func wantLines(t *testing.T, b *logBuffer, want ...map[string]any) {
	t.Helper()
	got := b.lines(t)
	same := slices.EqualFunc(got, want, func(a, b map[string]any) bool {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return bytes.Equal(x, y)
	})
	if !same {
		t.Errorf("got lines %v,\nwant %v", got, want)
	}
}

type fields = map[string]any

func ExampleLogging() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key { // what differs each time
			case "time", "stream", "remote", "duration":
				return slog.Attr{}
			}
			return a
		},
	}))
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
		Middleware: []core.Middleware{middleware.Logging(logger)},
	})
	answer := gate.Handle(func(s *core.Sender) error {
		return s.Send(core.Event{Data: "42"})
	})
	answer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/answer?token=secret", http.NoBody))
	// Output:
	// level=INFO msg="stream opened" path=/answer
	// level=INFO msg="stream closed" path=/answer end=closed reason="tidings: stream closed" events=1 bytes=31 lag=0
}

func TestLoggingOfASubscription(t *testing.T) {
	t.Parallel()
	var b logBuffer
	site := serve(t, middleware.Logging(b.logger()), func(h *core.Handshake) error {
		h.SetIdentity("ann")
		return nil
	})
	resp := site.get(t, "/events?token=hidden&lastEventId=7")
	if ev, err := resp.events.Next(); err != nil || ev.Name != core.ResetEvent {
		t.Errorf("got %v, %v, want a reset, as 7 is unknown", ev, err)
	}
	resp.leave()
	sum := site.ended(t)
	about := func(more fields) fields {
		line := fields{
			"level": "INFO", "path": "/events", "identity": "ann", "last_event_id": "7",
			"channels": []string{"a", "b"},
		}
		maps.Copy(line, more)
		return line
	}
	wantLines(t, &b,
		about(fields{"msg": "stream opened"}),
		about(fields{"msg": "stream closed", "reason": "tidings: client gone", "events": sum.Events, "bytes": sum.Bytes, "lag": 0}))
}

func TestLoggingOfRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		level  string
		status int
		reason string
	}{
		"client's": {core.Refuse(403, "No."), "INFO", 403, "tidings: refused with 403: No."},
		"finished": {core.Finished(), "INFO", 204, "tidings: refused with 204: No Content"},
		"server's": {&core.Refusal{Status: 503}, "WARN", 503, "tidings: refused with 503: Service Unavailable"},
		"error":    {errors.New("boom"), "WARN", 500, "tidings: refused with 500: Internal Server Error: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b logBuffer
			site := serve(t, middleware.Logging(b.logger()), func(*core.Handshake) error { return test.err })
			site.get(t, "/answer?token=hidden")
			site.ended(t)
			wantLines(t, &b, fields{
				"level": test.level, "msg": "stream refused", "path": "/answer",
				"status": test.status, "reason": test.reason,
			})
		})
	}
}

func TestLoggingOfWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	var b logBuffer
	var stay bool
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		middleware.Logging(b.logger()),
		func(h *core.Handshake) error {
			if !stay {
				<-h.Done()
				return h.Err()
			}
			return nil
		},
	}})
	endpoint := gate.Handle(func(*core.Sender) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	endpoint.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/p", http.NoBody))
	stay = true
	endpoint.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/p", http.NoBody))
	wantLines(t, &b,
		fields{"level": "INFO", "msg": "stream not opened", "path": "/p", "reason": "tidings: client gone"},
		fields{"level": "INFO", "msg": "stream not opened", "path": "/p", "reason": "tidings: stream closed"})
}

// Text from the client is logged only if it is safe.
func TestLoggingOfLastEventIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"1-7":                   "1-7",
		"ümlaut":                "ümlaut",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
		strings.Repeat("x", 65): "(65 bytes)",
		"a\u009b2Jb":            "(6 bytes)",
		"a\u202eb":              "(5 bytes)",
	} {
		var b logBuffer
		gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
			middleware.Logging(b.logger()),
			func(*core.Handshake) error { return core.Finished() },
		}})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Last-Event-ID", id)
		gate.Handle(nil).ServeHTTP(httptest.NewRecorder(), r)
		if got := b.lines(t)[0]["last_event_id"]; got != want {
			t.Errorf("got %q logged for %q, want %q", got, id, want)
		}
	}
}

// Secrets in errors, in paths and in names of private channels are not logged,
// and no ID of a stream is logged as a whole.
func TestLoggingLeavesSecretsOut(t *testing.T) {
	t.Parallel()
	var b logBuffer
	var id, private string
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{
		middleware.Logging(b.logger()),
		func(h *core.Handshake) error {
			id = h.ID()
			if h.Request().URL.Path == "/refused" {
				return fmt.Errorf("auth: %w", &url.Error{Op: "Get", URL: "https://auth.example/?token=hidden", Err: io.EOF})
			}
			return nil
		},
	}})
	ask := func(path string) {
		endpoint := gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
			private = h.PrivateChannel()
			h.OnOpen(func() { _ = h.Close() })
			return core.Subscription{Channels: []string{private}}, nil
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.Header.Set("Authorization", "Bearer hidden")
		endpoint.ServeHTTP(httptest.NewRecorder(), r)
		if text := b.buf.String(); strings.Contains(text, id) || private != "" && strings.Contains(text, private) {
			t.Errorf("%s: got a secret logged: %s", path, text)
		}
	}
	ask("/eyJhbGciOiJIUzI1NiJ9.hidden.hidden?ticket=hidden")
	ask("/refused?ticket=hidden")
	lines := b.lines(t)
	if len(lines) != 3 || lines[0]["path"] != "/(redacted)" || fmt.Sprint(lines[0]["channels"]) != "[(private)]" ||
		!strings.HasSuffix(fmt.Sprint(lines[2]["reason"]), `Get "https://auth.example/?(redacted)": EOF`) {
		t.Errorf("got lines %v, want those of two streams without secrets", lines)
	}
}

// Of a crowd, some streams are logged, each with all of its lines.
func TestLoggingOfCrowds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const crowd = 50
		for name, test := range map[string]struct {
			cfg  middleware.LoggingConfig
			want int
		}{
			"few":     {middleware.LoggingConfig{Burst: 5, Every: 10}, 5 + 4 + 1},
			"all":     {middleware.LoggingConfig{Burst: -1}, crowd + 1},
			"default": {middleware.LoggingConfig{}, crowd + 1},
		} {
			var b logBuffer
			test.cfg.Logger = b.logger()
			test.cfg.Path = func(*http.Request) string { return "/route" }
			gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
				Middleware: []core.Middleware{middleware.LoggingWith(test.cfg)},
			})
			endpoint := gate.Handle(func(*core.Sender) error { return nil })
			ask := func() {
				endpoint.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
			}
			for range crowd {
				ask()
			}
			time.Sleep(time.Second)
			ask()
			text := b.buf.String()
			opened, closed := strings.Count(text, `"msg":"stream opened"`), strings.Count(text, `"msg":"stream closed"`)
			if opened != test.want || closed != test.want || strings.Count(text, `"path":"/route"`) != 2*test.want {
				t.Errorf("%s: got %d streams opened and %d closed, want %d", name, opened, closed, test.want)
			}
			if got, want := strings.Contains(text, `"unlogged":9`), name == "few"; got != want {
				t.Errorf("%s: got streams left out: %t, want %t", name, got, want)
			}
		}
	})
}
