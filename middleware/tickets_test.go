package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// key returns a key for tests.
func key(letter byte) []byte { return bytes.Repeat([]byte{letter}, 32) }

// newTickets returns tickets for /events, in a test without TLS.
func newTickets(cfg middleware.TicketConfig) *middleware.Tickets {
	if cfg.Keys == nil {
		cfg.Keys = [][]byte{key('a')}
	}
	cfg.Path, cfg.Insecure = "/events", true
	return middleware.NewTickets(cfg)
}

// issue returns the path of a stream, with a ticket.
func issue(t *testing.T, tickets *middleware.Tickets, g middleware.Grant) string {
	t.Helper()
	text, err := tickets.Issue(g)
	if err != nil {
		t.Fatal(err)
	}
	return "/events?ticket=" + text
}

func ExampleTickets() {
	hub := core.NewHub(core.HubConfig{})
	tickets := middleware.NewTickets(middleware.TicketConfig{
		Keys: [][]byte{[]byte("32 random bytes, from the secrets")}, // of the machine
		Path: "/events",
	})
	// Behind one gate, the app's users ask for tickets.
	users := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{
		middleware.Origin(),
		middleware.Auth(middleware.AuthConfig{Check: func(context.Context, string) (middleware.Grant, error) {
			return middleware.Grant{Identity: "ann"}, nil // whose token it is
		}}),
	}})
	// Behind the other, pages open streams with them.
	pages := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	mux := http.NewServeMux()
	mux.Handle("GET /events", pages.Subscribe("news"))
	mux.Handle("POST /ticket", tickets.Endpoint(users, func(h *core.Handshake) (middleware.Grant, error) {
		return middleware.Grant{Identity: h.Identity(), Rights: &core.Rights{Channels: []string{"news"}}}, nil
	}))

	r := httptest.NewRequest(http.MethodPost, "/ticket", http.NoBody)
	r.Header.Set("Authorization", "Bearer 4f9c…")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 application/json
}

// A client gets on with its ticket and its cookie, until the session ends.
func TestTickets(t *testing.T) {
	t.Parallel()
	tickets := newTickets(middleware.TicketConfig{})
	site := serve(t, tickets.Middleware, func(h *core.Handshake) error {
		if h.Request().URL.RawQuery != "" {
			t.Errorf("got the query %q, want it without the ticket", h.Request().URL.RawQuery)
		}
		return nil
	})
	path := issue(t, tickets, middleware.Grant{Identity: "ann", Rights: &core.Rights{Patterns: []string{"[ab]"}}})
	resp := site.get(t, path)
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got cookies %v, want one", cookies)
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/events" || c.Name != "tidings" || c.MaxAge < 40_000 {
		t.Errorf("got cookie %+v", c)
	}
	stream := site.hub.Streams("a")[0]
	if err := stream.AddChannels("c"); stream.Identity() != "ann" || !errors.Is(err, core.ErrForbidden) {
		t.Errorf("got %q, who may have c: %v, want ann, who may not", stream.Identity(), err)
	}
	resp.leave()
	for range 5 {
		resp = site.get(t, path, "Cookie", "other=1; tidings=forged; tidings="+c.Value)
		if resp.StatusCode != http.StatusOK || len(resp.Cookies()) > 0 {
			t.Errorf("got %s and cookies %v, want 200 and none", resp.Status, resp.Cookies())
		}
		resp.leave()
	}
	bob := site.get(t, issue(t, tickets, middleware.Grant{Identity: "bob"}))
	for name, test := range map[string][]string{
		"spent, without a cookie":   {path},
		"the cookie of another":     {path, "Cookie", "tidings=" + bob.Cookies()[0].Value},
		"the cookie alone":          {"/events", "Cookie", "tidings=" + c.Value},
		"the cookie as a ticket":    {"/events?ticket=" + c.Value},
		"the ticket as a cookie":    {path, "Cookie", "tidings=" + strings.TrimPrefix(path, "/events?ticket=")},
		"twice":                     {path + "&ticket=x", "Cookie", "tidings=" + c.Value},
		"another path":              {strings.Replace(path, "/events", "/answer", 1), "Cookie", "tidings=" + c.Value},
		"cookies that are too many": {path, "Cookie", strings.Repeat("tidings=x; ", 8) + "tidings=" + c.Value},
	} {
		if resp := site.get(t, test[0], test[1:]...); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got %s, want 401", name, resp.Status)
		}
	}
	site.hub.Revoke("ann", time.Time{})
	if resp := site.get(t, path, "Cookie", "tidings="+c.Value); resp.StatusCode != http.StatusForbidden {
		t.Errorf("revoked: got %s, want 403", resp.Status)
	}
}

// open answers a request for a stream in memory, and returns the status. The
// stream ends at once.
func open(gate *core.Gate, path, cookie string) (status int, cookies []*http.Cookie) {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	if cookie != "" {
		r.Header.Set("Cookie", "tidings="+cookie)
	}
	w := httptest.NewRecorder()
	gate.Handle(func(*core.Sender) error { return nil }).ServeHTTP(w, r)
	return w.Code, w.Result().Cookies()
}

// Tickets last seconds, sessions hours.
func TestTicketTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tickets := newTickets(middleware.TicketConfig{})
		gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
		late := issue(t, tickets, middleware.Grant{Identity: "ann"})
		path := issue(t, tickets, middleware.Grant{Identity: "ann"})
		short := issue(t, tickets, middleware.Grant{Identity: "ann", Expiry: time.Now().Add(time.Minute)})
		time.Sleep(29 * time.Second)
		status, cookies := open(gate, path, "")
		if status != http.StatusOK {
			t.Fatalf("after 29 s: got %d, want 200", status)
		}
		time.Sleep(2 * time.Second)
		if status, _ := open(gate, late, ""); status != http.StatusUnauthorized {
			t.Errorf("a ticket after 31 s: got %d, want 401", status)
		}
		cookie := cookies[0].Value
		time.Sleep(time.Minute)
		if status, _ := open(gate, short, cookie); status != http.StatusUnauthorized {
			t.Errorf("after the grant's expiry: got %d, want 401", status)
		}
		time.Sleep(12*time.Hour - 2*time.Minute)
		if status, _ := open(gate, path, cookie); status != http.StatusOK {
			t.Errorf("before the session's end: got %d, want 200", status)
		}
		time.Sleep(time.Minute)
		if status, _ := open(gate, path, cookie); status != http.StatusUnauthorized {
			t.Errorf("after the session's end: got %d, want 401", status)
		}
	})
}

// Two machines with a store and keys in common redeem a ticket once, also while
// the keys are replaced.
func TestTicketsOfTwoMachines(t *testing.T) {
	t.Parallel()
	spent := middleware.NewMemorySpentTickets(0)
	one := newTickets(middleware.TicketConfig{Spent: spent})
	two := newTickets(middleware.TicketConfig{Spent: spent, Keys: [][]byte{key('b'), key('a')}})
	hub := core.NewHub(core.HubConfig{})
	gates := []*core.Gate{
		core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{one.Middleware}}),
		core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{two.Middleware}}),
	}
	path := issue(t, one, middleware.Grant{Identity: "ann"})
	first, cookies := open(gates[0], path, "")
	second, _ := open(gates[1], path, "")
	again, _ := open(gates[1], path, cookies[0].Value)
	if first != http.StatusOK || second != http.StatusUnauthorized || again != http.StatusOK {
		t.Errorf("got %d, %d on another machine, %d with its cookie, want 200, 401, 200", first, second, again)
	}
	fresh := issue(t, two, middleware.Grant{Identity: "ann"})
	if status, _ := open(gates[0], fresh, ""); status != http.StatusUnauthorized {
		t.Errorf("a key that a machine does not have: got %d, want 401", status)
	}
	one.SetKeys(key('b'), key('a'))
	if status, _ := open(gates[0], fresh, ""); status != http.StatusOK {
		t.Errorf("once it has the key: got %d, want 200", status)
	}
}

// A store that fails refuses for the moment; HEAD and changes of channels spend
// nothing; Check says what holds today.
func TestTicketsAndTheRest(t *testing.T) {
	t.Parallel()
	full := middleware.NewMemorySpentTickets(1)
	narrow := core.Rights{Channels: []string{"b"}}
	var checked []string
	tickets := newTickets(middleware.TicketConfig{Spent: full, Check: func(_ context.Context, g middleware.Grant) (middleware.Grant, error) {
		checked = append(checked, g.Identity)
		g.Rights, g.Expiry = &narrow, time.Time{}
		if g.Identity == "eve" {
			return g, errors.New("no such user")
		}
		return g, nil
	}})
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	path := issue(t, tickets, middleware.Grant{Identity: "ann"})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodHead, path, http.NoBody)
	w := httptest.NewRecorder()
	if gate.Subscribe("b").ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("HEAD: got %d, want 401", w.Code)
	}
	if status, _ := open(gate, path, ""); status != http.StatusOK {
		t.Errorf("got %d, want 200", status)
	}
	if status, _ := open(gate, issue(t, tickets, middleware.Grant{Identity: "bob"}), ""); status != http.StatusServiceUnavailable {
		t.Errorf("with a full store: got %d, want 503", status)
	}
	tickets = newTickets(middleware.TicketConfig{Check: func(context.Context, middleware.Grant) (middleware.Grant, error) {
		return middleware.Grant{}, errors.New("no such user")
	}})
	gate = core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	if status, _ := open(gate, issue(t, tickets, middleware.Grant{Identity: "eve"}), ""); status != http.StatusUnauthorized {
		t.Errorf("who is no user any more: got %d, want 401", status)
	}
	if len(checked) != 1 || checked[0] != "ann" {
		t.Errorf("got %q checked, want ann", checked)
	}
}

func TestIssueErrors(t *testing.T) {
	t.Parallel()
	tickets := newTickets(middleware.TicketConfig{})
	long := strings.Repeat("x", 4000)
	for name, test := range map[string]struct {
		grant middleware.Grant
		want  error
	}{
		"no identity":   {middleware.Grant{}, nil},
		"a function":    {middleware.Grant{Identity: "a", Keep: func(core.Delivery) bool { return true }}, nil},
		"long identity": {middleware.Grant{Identity: long}, core.ErrTooLarge},
		"long rights":   {middleware.Grant{Identity: "a", Rights: &core.Rights{Channels: []string{long}}}, core.ErrTooLarge},
	} {
		if text, err := tickets.Issue(test.grant); err == nil || text != "" || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: got %q, %v, want an error", name, text, err)
		}
	}
	for name, cfg := range map[string]middleware.TicketConfig{
		"key":  {Path: "/", Keys: [][]byte{key('a')[:31]}},
		"keys": {Path: "/"},
		"path": {Path: "events", Keys: [][]byte{key('a')}},
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "tidings: tickets: ") || !strings.Contains(text, name) {
					t.Errorf("%s: got panic %q", name, text)
				}
			}()
			middleware.NewTickets(cfg)
		}()
	}
}

// One of a hundred clients gets in with a ticket, and keeps its session.
func TestTicketRace(t *testing.T) {
	t.Parallel()
	const clients = 100
	tickets := newTickets(middleware.TicketConfig{})
	site := serve(t, tickets.Middleware)
	path := issue(t, tickets, middleware.Grant{Identity: "ann"})
	// ask requests the path, and returns the status.
	ask := func(jar http.CookieJar) int {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+path, http.NoBody)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp, err := (&http.Client{Jar: jar, Transport: site.Client().Transport}).Do(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	jars := make([]http.CookieJar, clients)
	statuses := make([]int, clients)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range jars {
		jars[i], _ = cookiejar.New(nil)
		all.Go(func() {
			<-start
			statuses[i] = ask(jars[i])
		})
	}
	close(start)
	all.Wait()
	winners := 0
	for i, status := range statuses {
		want := http.StatusUnauthorized
		if status == http.StatusOK {
			winners++
			want = http.StatusOK
		}
		for range 5 {
			if got := ask(jars[i]); got != want {
				t.Errorf("client %d, again: got %d, want %d", i, got, want)
			}
		}
	}
	if winners != 1 {
		t.Errorf("got %d clients in, want 1", winners)
	}
}

func TestMemorySpentTickets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := middleware.NewMemorySpentTickets(3)
		spend := func(id string, after time.Duration, want bool, wantErr error) {
			t.Helper()
			if first, err := m.Spend(t.Context(), id, time.Now().Add(after)); first != want || !errors.Is(err, wantErr) {
				t.Errorf("%s: got %v, %v, want %v, %v", id, first, err, want, wantErr)
			}
		}
		spend("a", 3*time.Second, true, nil)
		spend("b", time.Second, true, nil)
		spend("c", 2*time.Second, true, nil)
		spend("a", 3*time.Second, false, nil)
		spend("d", time.Second, false, middleware.ErrSpentFull)
		time.Sleep(1500 * time.Millisecond)
		spend("c", time.Second, false, nil)
		spend("d", 9*time.Second, true, nil)
		spend("e", time.Second, false, middleware.ErrSpentFull)
		time.Sleep(2 * time.Second)
		spend("a", time.Second, true, nil)
		spend("d", time.Second, false, nil)
	})
}
