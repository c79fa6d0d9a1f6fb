package core_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// A browser's EventSource survives temporary refusals: it is sent a stream that
// ends at once. Hooks see the refusal.
func TestShortStream(t *testing.T) {
	t.Parallel()
	busy := func(lasting bool) core.Middleware {
		return func(*core.Handshake) error {
			return &core.Refusal{
				Status: http.StatusTooManyRequests, Message: "Too many\nstreams.", RetryAfter: 4 * time.Second, Lasting: lasting,
				Header: http.Header{"X-Reason": {"limit"}},
			}
		}
	}
	for name, test := range map[string]struct {
		accept  string
		method  string
		refuse  core.Middleware
		gate    core.GateConfig
		status  int
		refused int
	}{
		"EventSource":           {accept: "text/event-stream", refuse: busy(false), status: 200, refused: 429},
		"among others":          {accept: "text/html, text/event-stream;q=0.9", refuse: busy(false), status: 200, refused: 429},
		"POST":                  {accept: "text/event-stream", method: http.MethodPost, refuse: busy(false), status: 200, refused: 429},
		"HEAD":                  {accept: "text/event-stream", method: http.MethodHead, refuse: busy(false), status: 429, refused: 429},
		"any type":              {accept: "*/*", refuse: busy(false), status: 429, refused: 429},
		"no Accept":             {refuse: busy(false), status: 429, refused: 429},
		"lasting":               {accept: "text/event-stream", refuse: busy(true), status: 429, refused: 429},
		"by status":             {accept: "text/event-stream", refuse: busy(false), gate: core.GateConfig{RefuseByStatus: true}, status: 429, refused: 429},
		"forbidden":             {accept: "text/event-stream", refuse: func(*core.Handshake) error { return core.Refuse(403, "") }, status: 403, refused: 403},
		"weight 0 is no Accept": {accept: "text/event-stream;q=0, text/*", refuse: busy(false), status: 406, refused: 406},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closes := make(chan core.Summary, 1)
			cfg := test.gate
			cfg.Middleware = []core.Middleware{func(h *core.Handshake) error {
				h.OnClose(func(sum core.Summary) { closes <- sum })
				return nil
			}, test.refuse}
			hub := core.NewHub(core.HubConfig{})
			r := newRequest(t, t.Context())
			r.Header.Set("Accept", test.accept)
			if test.accept == "" {
				r.Header.Del("Accept")
			}
			if test.method != "" {
				r.Method = test.method
			}
			w := httptest.NewRecorder()
			core.NewGate(hub, cfg).Subscribe("a").ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("status: got %d, want %d", w.Code, test.status)
			}
			if test.refused == http.StatusNotAcceptable {
				return // before the middleware
			}
			sum := <-closes
			var refusal *core.Refusal
			if !errors.As(sum.Reason, &refusal) || refusal.Status != test.refused {
				t.Errorf("reason: got %v, want a refusal with %d", sum.Reason, test.refused)
			}
			if test.status != http.StatusOK {
				return
			}
			if got := w.Header().Get("Content-Type") + " " + w.Header().Get("X-Reason"); got != "text/event-stream limit" {
				t.Errorf("content type and reason: got %q, want those of the stream and of the refusal", got)
			}
			body := w.Body.String()
			if got := lastRetry(t, body); got < 4*time.Second || got > 8*time.Second {
				t.Errorf("retry: got %v, want 4 to 8 s", got)
			}
			if !strings.HasSuffix(body, ": Too many\n: streams.\n\n") {
				t.Errorf("body: got %q, want the message as a comment", body)
			}
		})
	}
}
