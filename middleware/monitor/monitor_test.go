package monitor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a failing test waits for.
const patience = 15 * time.Second

// site is an app with a monitor.
type site struct {
	t       *testing.T
	hub     *core.Hub
	url     string
	private chan string // names of private channels that streams made
}

func newSite(t *testing.T, authorise func(*http.Request) bool) *site {
	t.Helper()
	s := &site{t: t, hub: core.NewHub(core.HubConfig{}), private: make(chan string, 100)}
	gate := core.NewGate(s.hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity(h.Request().URL.Query().Get("user"))
		return nil
	}}})
	mux := http.NewServeMux()
	mux.Handle("GET /events/{channel}", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		sub := core.Subscription{Channels: []string{h.Request().PathValue("channel")}}
		if h.Request().URL.Query().Has("private") {
			name := h.PrivateChannel()
			s.private <- name
			sub.Channels = append(sub.Channels, name)
		}
		return sub, nil
	}))
	mux.Handle("/monitor/", monitor.Handler(s.hub, authorise))
	server := httptest.NewServer(mux)
	s.url = server.URL
	t.Cleanup(func() {
		_ = s.hub.Close()
		server.Close()
	})
	return s
}

// open opens a stream of the app's.
func (s *site) open(path string) io.ReadCloser {
	s.t.Helper()
	resp := s.do(s.request(http.MethodGet, "/events/"+path, ""))
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.Body
}

func (s *site) request(method, path, form string) *http.Request {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// do sends a request on a connection of its own, and follows no redirect.
func (s *site) do(r *http.Request) *http.Response {
	s.t.Helper()
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return resp
}

// ask returns the status and the body of an answer.
func (s *site) ask(r *http.Request) (status int, body string) {
	s.t.Helper()
	resp := s.do(r)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return resp.StatusCode, string(text)
}

// list is a page of a table.
type list struct {
	Total   int   `json:"total"`
	Matched int   `json:"matched"`
	Offset  int   `json:"offset"`
	Rows    []row `json:"rows"`
}

// row is a channel, or a stream.
type row struct {
	Handle   string `json:"handle"`
	Identity string `json:"identity"`
}

func (s *site) list(path string) (l list) {
	s.t.Helper()
	status, text := s.ask(s.request(http.MethodGet, "/monitor/"+path, ""))
	if err := json.Unmarshal([]byte(text), &l); status != http.StatusOK || err != nil {
		s.t.Fatalf("%s: got %d %s, want JSON", path, status, text)
	}
	return l
}

// await waits until a list is as wanted: it is a second old at most.
func (s *site) await(path string, ok func(list) bool) list {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		l := s.list(path)
		if ok(l) {
			return l
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: got %+v in the end", path, l)
		}
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for i := range 25 {
		s.open(fmt.Sprintf("news?user=user-%02d", i))
	}
	s.open("secret?private&user=Bearer+abcdefghijk")
	hidden := <-s.private
	l := s.await("streams?sort=-since&limit=10&offset=10", func(l list) bool { return l.Total == 26 })
	if len(l.Rows) != 10 || l.Matched != 26 || l.Offset != 10 || l.Rows[0].Identity != "user-15" {
		t.Errorf("second page, newest first: got %+v, want ten rows from user-15 on", l)
	}
	for path, want := range map[string]int{
		"streams?q=USER-1": 10, "streams?q=news": 25, "streams?q=127.0.0.1": 26, "streams?q=private": 1,
		"streams?q=nonsense": 0, "streams?q=" + hidden: 0, "streams?q=abcdefghijk": 0, "streams?sort=nonsense": 26,
		"channels?q=news": 1, "channels?q=": 3,
	} {
		if got := s.list(path); got.Matched != want {
			t.Errorf("%s: got %d, want %d", path, got.Matched, want)
		}
	}
	if l = s.list("streams?limit=10&offset=1000"); l.Offset != 20 || len(l.Rows) != 6 {
		t.Errorf("behind the last page: got %+v, want the last one", l)
	}
	if l = s.list("streams?limit=100000"); len(l.Rows) != 26 {
		t.Errorf("a large page: got %d rows, want all 26", len(l.Rows))
	}
	_, text := s.ask(s.request(http.MethodGet, "/monitor/streams?limit=100", ""))
	_, channels := s.ask(s.request(http.MethodGet, "/monitor/channels", ""))
	for _, stream := range s.hub.AllStreams() {
		if strings.Contains(text, stream.ID()) {
			t.Error("got the whole ID of a stream, want its beginning only")
		}
	}
	if text += channels; strings.Contains(text, hidden) || strings.Contains(text, "abcdefghijk") {
		t.Errorf("got a secret in %s", text)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	body := s.open("news?user=ann")
	s.open("news?user=bob")
	l := s.await("streams?q=ann", func(l list) bool { return l.Matched == 1 })
	form := url.Values{"stream": {l.Rows[0].Handle}}.Encode()
	foreign := s.request(http.MethodPost, "/monitor/close", form)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	other := s.request(http.MethodPost, "/monitor/close", form)
	other.Header.Set("Origin", "https://example.com")
	for _, r := range []*http.Request{foreign, other} {
		if status, _ := s.ask(r); status != http.StatusForbidden {
			t.Errorf("a form of another origin: got %d, want 403", status)
		}
	}
	for _, tt := range []struct {
		method, form string
		want         int
	}{
		{http.MethodGet, "", http.StatusMethodNotAllowed},
		{http.MethodPost, "stream=" + s.hub.AllStreams()[0].ID(), http.StatusNotFound},
		{http.MethodPost, "stream=" + strings.Repeat("x", 2000), http.StatusNotFound},
		{http.MethodPost, form, http.StatusNoContent},
	} {
		if status, text := s.ask(s.request(tt.method, "/monitor/close", tt.form)); status != tt.want {
			t.Errorf("%s %.40s: got %d %s, want %d", tt.method, tt.form, status, text, tt.want)
		}
	}
	if _, err := io.ReadAll(body); err != nil {
		t.Errorf("the stream that was closed: got error %v, want its end", err)
	}
	s.await("streams", func(l list) bool { return l.Total == 1 && l.Rows[0].Identity == "bob" })
	if got := s.hub.Stats().Closed["closed"]; got != 1 {
		t.Errorf("closed streams: got %d, want 1", got)
	}
}

func TestAuthorise(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(r *http.Request) bool {
		c, err := r.Cookie("operator")
		return err == nil && c.Value == "yes"
	})
	for _, path := range []string{"", "monitor.js", "feed", "samples", "streams", "channels", "close", "else"} {
		if status, text := s.ask(s.request(http.MethodGet, "/monitor/"+path, "")); status != http.StatusForbidden {
			t.Errorf("%s without a cookie: got %d %s, want 403", path, status, text)
		}
	}
	r := s.request(http.MethodGet, "/monitor/", "")
	r.Header.Set("Cookie", "operator=yes")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Host = "monitor.example.com"
	if status, text := s.ask(r); status != http.StatusOK || !strings.Contains(text, "<h1>") {
		t.Errorf("with the cookie, by a proxy: got %d %s, want the page", status, text)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	t.Cleanup(func() { _ = hub.Close() })
	m := monitor.Handler(hub, nil)
	for _, tt := range []struct {
		remote, host, header string
		want                 int
	}{
		{"127.0.0.1:5", "127.0.0.1:8080", "", 200},
		{"127.8.0.1:5", "localhost", "", 200},
		{"[::1]:5", "[::1]:8080", "", 200},
		{"[::1]:5", "LOCALHOST:80", "", 200},
		{"[::ffff:127.0.0.1]:5", "app.localhost:80", "", 200},
		{"10.0.0.1:5", "localhost", "", 403},
		{"203.0.113.9:5", "127.0.0.1", "", 403},
		{"", "localhost", "", 403},
		{"@", "localhost", "", 403}, // a Unix socket: a proxy
		{"127.0.0.1:5", "evil.example:8080", "", 403},
		{"127.0.0.1:5", "localhost.evil.example", "", 403},
		{"127.0.0.1:5", "10.0.0.1", "", 403},
		{"127.0.0.1:5", "", "", 403},
		{"127.0.0.1:5", "localhost", "Forwarded", 403},
		{"127.0.0.1:5", "localhost", "X-Forwarded-For", 403},
		{"127.0.0.1:5", "localhost", "X-Forwarded-Proto", 403},
		{"127.0.0.1:5", "localhost", "X-Real-IP", 403},
		{"127.0.0.1:5", "localhost", "Via", 403},
		{"127.0.0.1:5", "localhost", "CF-Connecting-IP", 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/monitor/", http.NoBody)
		r.RemoteAddr, r.Host = tt.remote, tt.host
		if tt.header != "" {
			r.Header.Set(tt.header, "127.0.0.1")
		}
		w := httptest.NewRecorder()
		if m.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%+v: got %d, want %d", tt, w.Code, tt.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/monitor/", http.NoBody)
	r.RemoteAddr, r.Host, r.ProtoMinor = "127.0.0.1:5", "localhost", 0
	w := httptest.NewRecorder()
	if m.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("HTTP/1.0: got %d, want 403", w.Code)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for path, want := range map[string]string{
		"": "text/html", "monitor.js": "text/javascript", "chart.js": "text/javascript", "table.js": "text/javascript",
		"monitor.css": "text/css",
	} {
		resp := s.do(s.request(http.MethodGet, "/monitor/"+path, ""))
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), want) || len(text) == 0 {
			t.Errorf("%s: got %d %v, want %s", path, resp.StatusCode, resp.Header, want)
		}
		if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: got %v, want a policy", path, resp.Header)
		}
		if page := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""); strings.Contains(page, "://") {
			t.Errorf("%s: got a URL with a host, want no external resource", path)
		}
	}
	for path, want := range map[string]int{"no.js": 404, "index.html": 200, "..": 404, `a\b`: 404} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.URL.Path, r.RemoteAddr, r.Host = "/monitor/"+path, "127.0.0.1:1", "localhost"
		w := httptest.NewRecorder()
		if monitor.Handler(s.hub, nil).ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	resp := s.do(s.request(http.MethodGet, "/monitor/evil.example", ""))
	_ = resp.Body.Close()
	r := httptest.NewRequest(http.MethodGet, "//evil", http.NoBody)
	r.URL.Path, r.RemoteAddr, r.Host = "//evil", "127.0.0.1:1", "localhost"
	w := httptest.NewRecorder()
	monitor.Handler(s.hub, nil).ServeHTTP(w, r)
	if got := w.Header().Get("Location"); resp.StatusCode != http.StatusNotFound || got != "./evil/" {
		t.Errorf("redirect: got %d and %q, want 404, and a relative one", resp.StatusCode, got)
	}
}
