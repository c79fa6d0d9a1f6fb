package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// Tickets that were changed, cut off or made up are refused, whatever changed.
func TestForgedTickets(t *testing.T) {
	t.Parallel()
	tickets := newTickets(middleware.TicketConfig{})
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	path := issue(t, tickets, middleware.Grant{Identity: "ann", Rights: &core.Rights{Channels: []string{"a"}}})
	text := strings.TrimPrefix(path, "/events?ticket=")
	payload, code, _ := strings.Cut(text, ".")
	other, _, _ := strings.Cut(strings.TrimPrefix(issue(t, tickets, middleware.Grant{Identity: "bob"}), "/events?ticket="), ".")
	forged := []string{
		"", ".", "..", payload, payload + ".", "." + code, other + "." + code, text + ".", text + "A", text + "=", " " + text,
		"eyJhbGciOiJub25lIn0." + payload + ".", strings.Repeat("A", 1<<16), strings.ToLower(text),
		strings.TrimPrefix(issue(t, newTickets(middleware.TicketConfig{Keys: [][]byte{key('z')}}), middleware.Grant{Identity: "ann"}), "/events?ticket="),
	}
	for i := range text {
		forged = append(forged, text[:i])
		letter := byte('A')
		if text[i] == letter {
			letter = 'B'
		}
		forged = append(forged, text[:i]+string(letter)+text[i+1:])
	}
	for _, one := range forged {
		if status, cookies := open(gate, "/events?ticket="+url.QueryEscape(one), ""); status != http.StatusUnauthorized || len(cookies) > 0 {
			t.Errorf("%.60q: got %d and cookies %v, want 401", one, status, cookies)
		}
	}
	status, cookies := open(gate, path, "")
	if status != http.StatusOK {
		t.Fatalf("the ticket itself: got %d, want 200", status)
	}
	cookie := cookies[0].Value
	for i := range cookie {
		letter := byte('A')
		if cookie[i] == letter {
			letter = 'B'
		}
		for _, one := range []string{cookie[:i], cookie[:i] + string(letter) + cookie[i+1:]} {
			if status, _ := open(gate, path, one); status != http.StatusUnauthorized {
				t.Errorf("cookie %.60q: got %d, want 401", one, status)
			}
		}
	}
}

// FuzzTickets has anything as a ticket and as a cookie: it is refused.
func FuzzTickets(f *testing.F) {
	tickets := newTickets(middleware.TicketConfig{})
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{tickets.Middleware}})
	for _, seed := range []string{"", "e30.", "e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", strings.Repeat(".", 100)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, ticket, cookie string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events", http.NoBody)
		r.URL.RawQuery = "ticket=" + url.QueryEscape(ticket)
		r.Header["Cookie"] = []string{"tidings=" + cookie}
		w := httptest.NewRecorder()
		if gate.Handle(nil).ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%q, %q: got %d, want 401", ticket, cookie, w.Code)
		}
	})
}

// Header fields that a client makes up give it no other address.
func TestSpoofedAddresses(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]core.Middleware{
		"without a proxy": middleware.Limit(middleware.LimitConfig{PerAddress: 1}),
		"behind a proxy":  proxied(middleware.LimitConfig{PerAddress: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := serve(t, limit)
			const last = ", 203.0.113.9" // what the proxy adds
			site.get(t, "/events", "X-Forwarded-For", "203.0.113.9")
			for _, header := range [][]string{
				{"X-Forwarded-For", "198.51.100.1" + last},
				{"X-Forwarded-For", "127.0.0.1" + last},
				{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.9"},
				{"Forwarded", "for=198.51.100.1", "X-Forwarded-For", "203.0.113.9"},
				{"Forwarded", `for="[2001:db8::1]";host=own.example`, "X-Forwarded-For", "203.0.113.9"},
				{"X-Real-Ip", "198.51.100.1", "True-Client-Ip", "198.51.100.1", "X-Forwarded-For", "::ffff:203.0.113.9"},
			} {
				wantRefusal(t, site, site.get(t, "/events", header...), http.StatusTooManyRequests, middleware.ErrTooManyFromAddress)
			}
		})
	}
}

// Ten thousand attempts from one address take nothing from the streams of others.
func TestFloodFromOneAddress(t *testing.T) {
	t.Parallel()
	const others, workers = 20, 8
	attempts := 10_000
	if raced {
		attempts = 1000
	}
	site := serve(t, proxied(middleware.LimitConfig{PerAddress: 3, Rate: 5}))
	streams := make([]*reply, others)
	for i := range streams {
		streams[i] = site.get(t, "/events", "X-Forwarded-For", fmt.Sprint("203.0.113.", i))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := make(map[int]int)
	for range workers {
		all.Go(func() {
			for range attempts / workers {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/answer", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("X-Forwarded-For", "198.51.100.66")
				resp, err := site.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
				<-site.closed
			}
		})
	}
	for i := range 50 {
		site.publish(t, "a", fmt.Sprint("event ", i))
	}
	for _, resp := range streams {
		for i := range 50 {
			if got, want := resp.next(t), fmt.Sprint("event ", i); got != want {
				t.Fatalf("a stream of another address: got %q, want %q", got, want)
			}
		}
	}
	all.Wait()
	t.Logf("statuses of the attempts: %v", statuses)
	if statuses[http.StatusTooManyRequests] < attempts*9/10 || site.hub.Stats().Streams != others {
		t.Errorf("got %v and %d streams, want nearly all refused and %d", statuses, site.hub.Stats().Streams, others)
	}
	if resp := site.get(t, "/events", "X-Forwarded-For", "203.0.113.200"); resp.StatusCode != http.StatusOK {
		t.Errorf("a new client: got %s, want 200", resp.Status)
	}
}

// Requests with huge fields are refused, and nothing of them is looked at twice.
func TestBombs(t *testing.T) {
	t.Parallel()
	checked := make(chan int, 100)
	auth := middleware.Auth(middleware.AuthConfig{Cookie: "session", Query: "token", Check: func(_ context.Context, token string) (middleware.Grant, error) {
		checked <- len(token)
		return middleware.Grant{}, errors.New("no such token")
	}})
	tickets := newTickets(middleware.TicketConfig{})
	site := serve(t, middleware.Origin(), proxied(middleware.LimitConfig{}), auth)
	spent := serve(t, tickets.Middleware)
	const size = 900 << 10
	long, many := strings.Repeat("x", size), strings.Repeat("a=b&", size/4)
	for name, test := range map[string]struct {
		site   *fixture
		path   string
		header []string
	}{
		"long token":        {site, "/events", []string{"Authorization", "Bearer " + long}},
		"long cookie":       {site, "/events", []string{"Cookie", "session=" + long}},
		"many cookies":      {site, "/events", []string{"Cookie", strings.Repeat("session=a; ", size/11)}},
		"long query":        {site, "/events?token=" + long, nil},
		"many parameters":   {site, "/events?" + many + "token=x", nil},
		"many tokens":       {site, "/events?" + strings.Repeat("token=x&", size/8), nil},
		"percents":          {site, "/events?token=" + strings.Repeat("%41", size/3), nil},
		"long addresses":    {site, "/events", []string{"X-Forwarded-For", strings.Repeat("127.0.0.1,", size/10)}},
		"long origin":       {site, "/events", []string{"Origin", "https://" + long}},
		"long last ID":      {site, "/events", []string{"Last-Event-ID", long}},
		"long ticket":       {spent, "/events?ticket=" + long, nil},
		"many tickets":      {spent, "/events?" + strings.Repeat("ticket=x&", size/9), nil},
		"ticket and cookie": {spent, issue(t, tickets, middleware.Grant{Identity: "ann"})[:60], []string{"Cookie", strings.Repeat("tidings=a; ", size/11)}},
		"over the server's": {site, "/events", []string{"X-Bomb", strings.Repeat("x", 2<<20)}},
	} {
		if resp := test.site.get(t, test.path, test.header...); resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s: got %s, want a refusal", name, resp.Status)
		}
	}
	close(checked)
	for n := range checked {
		if n > 8<<10 {
			t.Errorf("got a token of %d bytes checked, want none so long", n)
		}
	}
}

// A client that comes back for events of a channel that it has lost meanwhile gets
// none, neither of those that it missed nor of new ones.
func TestReplayOfALostChannel(t *testing.T) {
	t.Parallel()
	var rights atomic.Pointer[core.Rights]
	rights.Store(&core.Rights{Channels: []string{"a", "b"}})
	hub := core.NewHub(core.HubConfig{})
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity("ann")
		return h.Restrict(*rights.Load())
	}}})
	fixed := gate.Subscribe("a", "b")
	kept := gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"a"}, SessionKey: "tab 1"}, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/fixed", fixed)
	mux.Handle("/kept", kept)
	site := &fixture{hub: hub, closed: make(chan core.Summary, 10)}
	site.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
		site.Close()
	})
	resp := site.get(t, "/kept")
	stream := hub.Streams("a")[0]
	if err := stream.AddChannels("b"); err != nil {
		t.Fatal(err)
	}
	site.publish(t, "b", "b1")
	ev, err := resp.events.Next()
	if err != nil || ev.Data != "b1" {
		t.Fatalf("got %+v, %v, want b1", ev, err)
	}
	resp.leave()
	<-stream.Done()
	site.publish(t, "b", "secret")
	site.publish(t, "a", "a1")
	rights.Store(&core.Rights{Channels: []string{"a"}})
	if got := site.get(t, "/fixed", "Last-Event-ID", ev.ID); got.StatusCode != http.StatusForbidden {
		t.Errorf("an endpoint for both: got %s, want 403", got.Status)
	}
	resp = site.get(t, "/kept", "Last-Event-ID", ev.ID)
	site.publish(t, "b", "secret, too")
	site.publish(t, "a", "a2")
	for _, want := range []string{"a1", "a2"} {
		if got := resp.next(t); got != want {
			t.Errorf("its session: got %q, want %q", got, want)
		}
	}
}

// A client changes the channels of its own streams only, and adds those that its
// token allows today.
func TestForeignChanges(t *testing.T) {
	t.Parallel()
	narrow := func(h *core.Handshake) error {
		if h.OpensStream() {
			return h.Restrict(core.Rights{Patterns: []string{"[a-z]"}})
		}
		return h.Restrict(core.Rights{Channels: []string{"b", "group 1"}})
	}
	f := newChangeFixture(t, middleware.Origin(), narrow)
	f.post(t, "bob", "", `"add": ["b"]`, http.StatusNotFound)
	f.post(t, "ann", "", `"add": ["c"]`, http.StatusForbidden)       // the request's own rights
	f.post(t, "ann", "", `"add": ["group 1"]`, http.StatusForbidden) // the stream's
	f.post(t, "ann", "", `"add": ["b"], "remove": ["a"]`, http.StatusOK)
	f.post(t, "ann", strings.Repeat("0", 32), `"add": ["b"]`, http.StatusNotFound)
	f.post(t, "ann", strings.ToUpper(f.id), `"add": ["b"]`, http.StatusNotFound)
}

// A token is in no log line, answer, error or description, wherever it came from
// and whatever happens to it.
func TestTokensStaySecret(t *testing.T) {
	t.Parallel()
	const secret = "5ecr3t"
	var output logBuffer
	var texts []string
	tickets := newTickets(middleware.TicketConfig{})
	ticket := strings.TrimPrefix(issue(t, tickets, middleware.Grant{Identity: "ann"}), "/events?ticket=")
	auth := middleware.Auth(middleware.AuthConfig{Cookie: "session", Query: "token", Check: func(_ context.Context, token string) (middleware.Grant, error) {
		switch {
		case strings.HasSuffix(token, "panic"):
			panic("cannot check")
		case strings.HasSuffix(token, "down"):
			return middleware.Grant{}, core.Refuse(http.StatusServiceUnavailable, "No answer about "+token)
		case strings.HasSuffix(token, "ok"):
			return middleware.Grant{Identity: "ann", Expiry: time.Now().Add(time.Hour)}, nil
		}
		return middleware.Grant{}, fmt.Errorf("token %q: no such token", token)
	}})
	observe := func(h *core.Handshake) error { //nolint:unparam // It is a middleware.
		r := h.Request()
		h.OnClose(func(sum core.Summary) {
			info, _ := json.Marshal(h.Info())
			texts = append(texts, fmt.Sprint(sum), string(info), r.URL.String(), r.RequestURI, fmt.Sprint(r.Form))
		})
		return nil
	}
	logger := output.logger()
	hub := core.NewHub(core.HubConfig{Logger: logger})
	gate := func(m core.Middleware) *core.Gate {
		return core.NewGate(hub, core.GateConfig{Logger: logger, Middleware: []core.Middleware{middleware.Logging(logger), observe, m}})
	}
	handlers := []*core.Endpoint{
		gate(auth).Handle(func(s *core.Sender) error { return fmt.Errorf("%s: the app failed", s.Request().URL) }),
		gate(auth).Subscribe("a"),
		gate(auth).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
			return core.Subscription{}, fmt.Errorf("%s: no such page", h.Request().URL)
		}),
		gate(auth).OneShot(func(*core.Handshake) (core.Event, error) { panic("oh no") }),
		gate(auth).ChangeChannels(func(*core.Stream, []string) error { return nil }),
		gate(auth).Answer(func(h *core.Handshake) (any, error) { return nil, errors.New(h.Request().RequestURI) }),
	}
	for _, end := range []string{"", "panic", "down", "ok"} {
		token := secret + end
		for _, endpoint := range handlers {
			for i, target := range []string{"/p?token=" + token, "/p?x=1&%74oken=" + token + "&y=2", "/p?token=" + token + ";", "/p", "/p"} {
				for _, method := range []string{http.MethodHead, http.MethodPost} {
					r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(`{"stream": "1"}`))
					r.Header.Set("Content-Type", "application/json")
					switch i {
					case 3:
						r.Header.Set("Authorization", "Bearer "+token)
					case 4:
						r.Header.Set("Cookie", "session="+token)
					}
					ctx, cancel := context.WithCancel(r.Context())
					if method == http.MethodPost {
						time.AfterFunc(time.Millisecond, cancel) // a subscription ends then
					}
					w := httptest.NewRecorder()
					endpoint.ServeHTTP(w, r.WithContext(ctx))
					cancel()
					texts = append(texts, fmt.Sprint(w.Code, w.Header()), w.Body.String())
				}
			}
		}
	}
	page := gate(tickets.Middleware).Handle(func(s *core.Sender) error { return errors.New(s.Request().URL.String()) })
	for range 2 {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events?ticket="+ticket, http.NoBody))
		texts = append(texts, w.Body.String())
	}
	output.mu.Lock()
	texts = append(texts, output.buf.String())
	output.mu.Unlock()
	for _, text := range texts {
		if strings.Contains(text, secret) || strings.Contains(text, ticket) {
			t.Errorf("got a token in %.300q", text)
		}
	}
	if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "no such token") }) {
		t.Error("got no text of an error, want some to search in")
	}
}
