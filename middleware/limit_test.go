package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// proxied trusts the tests' own connections to be a proxy's.
func proxied(cfg middleware.LimitConfig) core.Middleware {
	cfg.TrustedProxies = prefixes("127.0.0.0/8", "::1/128")
	return middleware.Limit(cfg)
}

func ExampleLimit() {
	hub := core.NewHub(core.HubConfig{})
	gate := core.NewGate(hub, core.GateConfig{
		Middleware: []core.Middleware{
			middleware.Logging(nil),
			middleware.Limit(middleware.LimitConfig{
				PerAddress:     20,
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			}),
		},
	})
	server := httptest.NewServer(gate.Subscribe("stocks"))
	defer server.Close()
	fmt.Println(gate.Hub().Stats().Streams, "streams")
	// Output: 0 streams
}

// wantRefusal checks the answer to one stream too many.
func wantRefusal(t *testing.T, site *fixture, resp *reply, status int, cause error) {
	t.Helper()
	if resp.StatusCode != status {
		t.Errorf("got %s, want %d", resp.Status, status)
		return
	}
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || after < 5 || after > 10 {
		t.Errorf("got Retry-After %q, want 5 to 10", resp.Header.Get("Retry-After"))
	}
	var refusal *core.Refusal
	if sum := site.ended(t); !errors.As(sum.Reason, &refusal) || !errors.Is(sum.Reason, cause) {
		t.Errorf("got reason %v, want %v", sum.Reason, cause)
	}
}

func TestLimitInAll(t *testing.T) {
	t.Parallel()
	site := serve(t, proxied(middleware.LimitConfig{Streams: 2}))
	first := site.get(t, "/events", "X-Forwarded-For", "203.0.113.1")
	site.get(t, "/events", "X-Forwarded-For", "203.0.113.2")
	wantRefusal(t, site, site.get(t, "/events", "X-Forwarded-For", "203.0.113.3"),
		http.StatusServiceUnavailable, middleware.ErrTooManyStreams)
	first.leave()
	site.ended(t)
	if resp := site.get(t, "/events"); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s once there was a place, want 200", resp.Status)
	}
}

func TestLimitPerAddress(t *testing.T) {
	t.Parallel()
	site := serve(t, proxied(middleware.LimitConfig{PerAddress: 1}))
	ann := site.get(t, "/events", "X-Forwarded-For", "2001:db8::1")
	bob := site.get(t, "/events", "X-Forwarded-For", "203.0.113.2")
	if ann.StatusCode != http.StatusOK || bob.StatusCode != http.StatusOK {
		t.Errorf("got %s and %s, want 200", ann.Status, bob.Status)
	}
	// Another address of the same network, and one with a false claim.
	for _, from := range []string{"2001:db8::2", "198.51.100.1, 203.0.113.2"} {
		wantRefusal(t, site, site.get(t, "/events", "X-Forwarded-For", from),
			http.StatusTooManyRequests, middleware.ErrTooManyFromAddress)
	}
	ann.leave()
	site.ended(t)
	if resp := site.get(t, "/events", "X-Forwarded-For", "2001:db8::2"); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s once there was a place, want 200", resp.Status)
	}
}

// Without trusted proxies, the address of a client is that of its connection.
func TestLimitWithoutAProxy(t *testing.T) {
	t.Parallel()
	site := serve(t, middleware.Limit(middleware.LimitConfig{PerAddress: 1}))
	site.get(t, "/events", "X-Forwarded-For", "203.0.113.1")
	wantRefusal(t, site, site.get(t, "/events", "X-Forwarded-For", "203.0.113.2"),
		http.StatusTooManyRequests, middleware.ErrTooManyFromAddress)
}

func TestLimitIsGivenBack(t *testing.T) {
	t.Parallel()
	panics := func(h *core.Handshake) error {
		switch h.Request().Header.Get("Then") {
		case "refuse":
			return core.Refuse(http.StatusForbidden, "")
		case "panic":
			panic(http.ErrAbortHandler)
		case "panic later":
			h.OnOpen(func() { panic(http.ErrAbortHandler) })
		case "close":
			return h.Close()
		}
		return nil
	}
	site := serve(t, middleware.Limit(middleware.LimitConfig{Streams: 1}), panics)
	for range 3 {
		for _, then := range []string{"refuse", "panic", "panic later", "close", "answer"} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r, err := http.NewRequestWithContext(t.Context(), method, site.URL+"/answer", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Then", then)
				response, err := site.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if sum := site.ended(t); errors.Is(sum.Reason, middleware.ErrTooManyStreams) {
					t.Fatalf("got no place for %s, %s: the one before has kept it", method, then)
				}
			}
		}
	}
}

// One limit at many gates is one limit.
func TestLimitIsShared(t *testing.T) {
	t.Parallel()
	limit := middleware.Limit(middleware.LimitConfig{Streams: 1})
	one, two := serve(t, limit), serve(t, limit)
	one.get(t, "/events")
	wantRefusal(t, two, two.get(t, "/events"), http.StatusServiceUnavailable, middleware.ErrTooManyStreams)
}

func TestLimitUnderLoad(t *testing.T) {
	t.Parallel()
	const places = 5
	var m metrics
	peak := func(h *core.Handshake) error {
		h.OnOpen(func() {
			if n := m.open.Load(); n > places {
				t.Errorf("got %d streams at a time, want %d at most", n, places)
			}
		})
		return nil
	}
	// Its place is given back first, since hooks run in reverse: metrics must
	// come behind to count what the limit does.
	site := serve(t, middleware.Limit(middleware.LimitConfig{Streams: places, PerAddress: -1}), m.middleware, peak)
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 10 {
				response, err := site.Client().Get(site.URL + "/answer")
				if err != nil {
					t.Error(err)
					return
				}
				_ = response.Body.Close()
			}
		})
	}
	clients.Wait()
	for range 200 {
		site.ended(t)
	}
	for range places {
		if resp := site.get(t, "/events"); resp.StatusCode != http.StatusOK {
			t.Errorf("got %s, want all places free again", resp.Status)
		}
	}
	wantRefusal(t, site, site.get(t, "/events"), http.StatusServiceUnavailable, middleware.ErrTooManyStreams)
}

func TestLimitRetryAfterCanBeLeftOut(t *testing.T) {
	t.Parallel()
	site := serve(t, middleware.Limit(middleware.LimitConfig{Streams: 1, RetryAfter: -time.Second}))
	site.get(t, "/events")
	resp := site.get(t, "/events")
	if got := resp.Header.Values("Retry-After"); resp.StatusCode != http.StatusServiceUnavailable || len(got) > 0 {
		t.Errorf("got %s and Retry-After %q, want 503 and none", resp.Status, got)
	}
}

// identify sets the identity that a header names.
func identify(h *core.Handshake) error {
	h.SetIdentity(h.Request().Header.Get("X-User"))
	return nil
}

func TestLimitPerIdentity(t *testing.T) {
	t.Parallel()
	site := serve(t, identify, middleware.Limit(middleware.LimitConfig{PerIdentity: 2}))
	first := site.get(t, "/events", "X-User", "ann")
	site.get(t, "/events", "X-User", "ann")
	wantRefusal(t, site, site.get(t, "/events", "X-User", "ann"), http.StatusTooManyRequests, middleware.ErrTooManyOfIdentity)
	for _, user := range []string{"bob", "", "", ""} {
		if resp := site.get(t, "/events", "X-User", user); resp.StatusCode != http.StatusOK {
			t.Errorf("%q: got %s, want 200", user, resp.Status)
		}
	}
	first.leave()
	site.ended(t)
	if resp := site.get(t, "/events", "X-User", "ann"); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s once there was a place, want 200", resp.Status)
	}
}

// The newest stream wins, and the oldest is told not to come back soon.
func TestLimitNewest(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]middleware.LimitConfig{
		"address": {PerAddress: 2, Newest: true}, "identity": {PerIdentity: 2, Newest: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := serve(t, identify, middleware.Limit(cfg))
			streams := make([]*reply, 0, 5)
			for i := range 5 {
				streams = append(streams, site.get(t, "/events", "X-User", "ann"))
				if i < 2 {
					continue
				}
				ev, err := streams[i-2].events.Next()
				if err != nil || ev.Name != core.ClosedEvent || ev.Data != `{"reason":"replaced"}` || ev.Retry < time.Hour {
					t.Errorf("got %+v, %v, want that it was replaced", ev, err)
				}
				if sum := site.ended(t); !errors.Is(sum.Reason, middleware.ErrReplaced) {
					t.Errorf("got %v, want ErrReplaced", sum.Reason)
				}
			}
			site.publish(t, "a", "news")
			for _, resp := range streams[3:] {
				if got := resp.next(t); got != "news" {
					t.Errorf("got %q, want the streams that are left to go on", got)
				}
			}
		})
	}
}

func TestLimitRate(t *testing.T) {
	t.Parallel()
	site := serve(t, proxied(middleware.LimitConfig{Rate: 0.001, Burst: 2}))
	for _, from := range []string{"203.0.113.1", "2001:db8::1"} {
		for range 2 {
			if resp := site.get(t, "/answer", "X-Forwarded-For", from); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: got %s, want 200", from, resp.Status)
			}
			site.ended(t)
		}
	}
	for _, from := range []string{"203.0.113.1", "2001:db8::ffff"} {
		wantRefusal(t, site, site.get(t, "/answer", "X-Forwarded-For", from), http.StatusTooManyRequests, middleware.ErrTooFast)
	}
}

func TestLimitChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]middleware.LimitConfig{
		"trusted proxy 1": {TrustedProxies: append(prefixes("10.0.0.0/8"), netip.Prefix{})},
		"129 bits":        {IPv6Prefix: 129},
		"-1 bits":         {IPv6Prefix: -1},
		"Forwarded":       {Header: "forwarded"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "tidings: limit: ") || !strings.Contains(text, want) {
					t.Errorf("got panic %q, want one about %s", text, want)
				}
			}()
			middleware.Limit(cfg)
		})
	}
}
