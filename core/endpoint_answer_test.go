package core_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// An endpoint that opens no stream passes the gate like one that does.
func TestAnswer(t *testing.T) {
	t.Parallel()
	var opens []bool
	var reasons []error
	hub := openHub(t, core.HubConfig{})
	gate := core.NewGate(hub, core.GateConfig{MaxBody: 10, Middleware: []core.Middleware{func(h *core.Handshake) error {
		opens = append(opens, h.OpensStream())
		h.OnClose(func(sum core.Summary) { reasons = append(reasons, sum.Reason) })
		if h.Request().Header.Get("X-User") == "" {
			return core.Refuse(http.StatusUnauthorized, "Log in.")
		}
		h.SetIdentity("ann")
		return nil
	}}})
	endpoint := gate.Answer(func(h *core.Handshake) (any, error) {
		body, err := io.ReadAll(h.Request().Body)
		switch string(body) {
		case "busy":
			return nil, &core.Refusal{Status: http.StatusServiceUnavailable}
		case "panic":
			panic("oh no")
		}
		return map[string]string{h.Identity(): string(body)}, err
	})
	for _, test := range []struct {
		method, user, body string
		status             int
		want               string
	}{
		{http.MethodPost, "ann", "hello", http.StatusOK, `{"ann":"hello"}`},
		{http.MethodPost, "", "hello", http.StatusUnauthorized, "Log in.\n"},
		{http.MethodGet, "ann", "", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{http.MethodPost, "ann", "busy", http.StatusServiceUnavailable, "Service Unavailable\n"},
		{http.MethodPost, "ann", "panic", http.StatusInternalServerError, "Internal Server Error\n"},
		{http.MethodPost, "ann", "hello, hello", http.StatusRequestEntityTooLarge, "The request's body is too large.\n"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, "/", strings.NewReader(test.body))
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set("X-User", test.user)
		w := httptest.NewRecorder()
		if endpoint.ServeHTTP(w, r); w.Code != test.status || w.Body.String() != test.want {
			t.Errorf("%s %q: got %d, %q, want %d, %q", test.method, test.body, w.Code, w.Body, test.status, test.want)
		}
	}
	if st := hub.Stats(); len(st.Refused)+len(st.Closed) > 0 {
		t.Errorf("streams refused %v and closed %v, want none", st.Refused, st.Closed)
	}
	for _, is := range opens {
		if is {
			t.Error("OpensStream: got true, want false")
		}
	}
	if len(reasons) != 5 || !errors.Is(reasons[0], core.ErrClosed) {
		t.Errorf("reasons: got %v, want 5 and ErrClosed first", reasons)
	}
	defer func() {
		if recover() == nil {
			t.Error("Answer of nil: got no panic, want one")
		}
	}()
	gate.Answer(nil)
}
