package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// changeFixture is an open stream, and an endpoint that changes its channels.
type changeFixture struct {
	id       string
	endpoint *core.Endpoint
}

// newChangeFixture opens a stream of ann's, with the channel a, at a gate with some
// middleware.
func newChangeFixture(t *testing.T, some ...core.Middleware) *changeFixture {
	t.Helper()
	hub := core.NewHub(core.HubConfig{})
	told := make(chan string, 1)
	gate := core.NewGate(hub, core.GateConfig{Middleware: append(some, func(h *core.Handshake) error {
		if h.Request().Header.Get("X-User") == "" {
			return core.Refuse(http.StatusUnauthorized, "Log in.")
		}
		h.SetIdentity(h.Request().Header.Get("X-User"))
		h.OnDeliver(func(int, int) {
			select {
			case told <- h.ID():
			default: // it was told at the beginning
			}
		})
		return nil
	})})
	f := &changeFixture{endpoint: gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		if add[0] == "secret" {
			return core.Refuse(http.StatusForbidden, "No.")
		}
		return nil
	})}
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", http.NoBody)
	r.Header.Set("X-User", "ann")
	over := make(chan struct{})
	go func() {
		defer close(over)
		gate.Subscribe("a").ServeHTTP(httptest.NewRecorder(), r)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	f.id = <-told
	return f
}

// post asks for a change, as a user, of the stream if it is not another one, and
// wants this status.
func (f *changeFixture) post(t *testing.T, user, id, lists string, want int) {
	t.Helper()
	if id == "" {
		id = f.id
	}
	body := fmt.Sprintf(`{"stream": %q, %s}`, id, lists)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels?token=hidden", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if user != "" {
		r.Header.Set("X-User", user)
	}
	w := httptest.NewRecorder()
	if f.endpoint.ServeHTTP(w, r); w.Code != want {
		t.Errorf("%s, as %q: got %d, want %d", lists, user, w.Code, want)
	}
}

// A change of channels is one line, about the stream that changes.
func TestLoggingOfChanges(t *testing.T) {
	t.Parallel()
	var b logBuffer
	f := newChangeFixture(t, middleware.Logging(b.logger()))
	f.post(t, "ann", "", `"add": ["b", "c", "a"], "remove": ["none"]`, http.StatusOK)
	f.post(t, "ann", "", `"remove": ["a", "b"]`, http.StatusOK)
	f.post(t, "ann", "", `"add": ["secret"]`, http.StatusForbidden)
	f.post(t, "bob", "", `"add": ["b"]`, http.StatusNotFound)
	f.post(t, "ann", "hidden", `"add": ["b"]`, http.StatusNotFound)
	f.post(t, "", "", `"add": ["b"]`, http.StatusUnauthorized)
	f.post(t, "ann", "", `"add": [""]`, http.StatusBadRequest)
	about := func(identity, stream string, status int, more fields) fields {
		line := fields{"level": "INFO", "path": "/channels", "status": status, "msg": "change refused"}
		if identity != "" {
			line["identity"] = identity
		}
		if stream != "" {
			line["stream"] = stream[:12]
		}
		maps.Copy(line, more)
		return line
	}
	const reason = "reason"
	wantLines(t, &b,
		fields{
			"level": "INFO", "msg": "stream opened", "path": "/events", "identity": "ann", "channels": []string{"a"},
		},
		about("ann", f.id, 200, fields{"msg": "channels changed", "added": 2, "removed": 0}),
		about("ann", f.id, 200, fields{"msg": "channels changed", "added": 0, "removed": 2}),
		about("ann", f.id, 403, fields{reason: "tidings: refused with 403: No."}),
		about("bob", "", 404, fields{reason: "tidings: refused with 404: No such stream."}),
		about("ann", "", 404, fields{reason: "tidings: refused with 404: No such stream."}),
		about("", "", 401, fields{reason: "tidings: refused with 401: Log in."}),
		about("ann", "", 400, fields{
			reason: "tidings: refused with 400: No such channel name, or too many channels.: tidings: channel name: empty",
		}))
}

// A client at its limit of streams can still change their channels, which does
// not count as a stream.
func TestLimitPassesChangesOver(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]middleware.LimitConfig{
		"in all": {Streams: 1}, "of one address": {PerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newChangeFixture(t, middleware.Limit(cfg))
			for range 3 {
				f.post(t, "ann", "", `"add": ["b"]`, http.StatusOK)
			}
		})
	}
}

// Middleware can distinguish a change of channels from a stream, and learns its
// outcome.
func TestChannelChange(t *testing.T) {
	t.Parallel()
	type seen struct {
		core.ChannelChange

		is, opened bool
	}
	var before, after []seen
	f := newChangeFixture(t, func(h *core.Handshake) error {
		change, is := h.ChannelChange()
		before = append(before, seen{change, is, false})
		if is {
			h.OnOpen(func() { t.Error("OnOpen of a change: got it called, want it not") })
			h.OnClose(func(sum core.Summary) {
				change, is := h.ChannelChange()
				after = append(after, seen{change, is, sum.Opened})
			})
		}
		return nil
	})
	f.post(t, "ann", "", `"add": ["b", "b"], "remove": ["a"]`, http.StatusOK)
	f.post(t, "ann", "", `"add": ["secret"]`, http.StatusForbidden)
	if got, want := fmt.Sprint(before), fmt.Sprint([]seen{{}, {is: true}, {is: true}}); got != want {
		t.Errorf("in the middleware: got %s, want %s", got, want)
	}
	want := fmt.Sprint([]seen{
		{core.ChannelChange{Stream: f.id, Done: true, Added: 1, Removed: 1}, true, false},
		{core.ChannelChange{Stream: f.id}, true, false},
	})
	if got := fmt.Sprint(after); got != want {
		t.Errorf("when they were answered: got %s, want %s", got, want)
	}
}
