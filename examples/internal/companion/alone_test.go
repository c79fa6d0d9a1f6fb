package companion_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

const quick = `minDelay: 40, maxDelay: 200`

// status answers with a status, as a proxy does.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestComesBack checks that a source comes back after the answers that end an
// EventSource for good, after its last event.
func TestComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	p.follow(`"/events?a=b+c", {%s}`, quick)
	p.role("alone")
	p.through(s.publish(3))
	p.Await("(window.plain = new EventSource('/events')).readyState === 0")
	p.Await("plain.readyState === 1")
	for _, code := range []int{502, 503, 401, 404, 200} { // 200: of another kind than an event stream
		s.answer(status(code))
		asked := s.asked.Load()
		s.cut()
		p.Await("source.state === 'waiting'")
		last := s.publish(3)
		sampletest.Eventually(t, "attempts", func() bool { return s.asked.Load() > asked+4 })
		s.answer(nil)
		p.through(last)
		p.role("alone")
	}
	p.Await("plain.readyState === 2")
	p.through(s.publish(1))
	if got := sampletest.Value[string](p.Browser, "source.url"); got != s.url+"/events?a=b+c" {
		t.Errorf("url: got %s, want it without the last event ID", got)
	}
	p.Do(evaluate("source.close()"))
	p.Await("source.readyState === 2 && source.state === 'closed'")
	s.awaitStreams(0)
}

// TestEnds checks that the answer 204 ends a source.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	p.follow(`"/events", {%s}`, quick)
	p.role("alone")
	s.answer(status(http.StatusNoContent))
	s.cut()
	p.Await("source.readyState === 2 && s.states.at(-1).status === 204")
	s.awaitStreams(0)
}

// TestWaits checks that Retry-After is kept.
func TestWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	s.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	p.follow(`"/events", {%s}`, quick)
	p.Await("source.state === 'waiting' && s.states.at(-1).status === 429")
	if wait := sampletest.Value[float64](p.Browser, "s.states.at(-1).until - Date.now()"); wait < 200e3 || wait > 300e3 {
		t.Errorf("after Retry-After: 300: got a wait of %v ms", wait)
	}
}

// TestRenewsNoMore refuses for good, which the page learns when it would renew.
func TestRenewsNoMore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	var asked atomic.Int32
	s.answer(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	})
	p.follow(`"/events", {%s, renew: () => false}`, quick)
	p.Await("source.state === 'closed' && s.states.at(-1).status === 403")
	if n := asked.Load(); n != 2 { // the stream, and the request for its status
		t.Errorf("requests: got %d, want 2", n)
	}
}

// TestRenews checks a stream whose URL has a ticket that is good for one
// request.
func TestRenews(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	tickets := tickets{site: s, spent: make(map[string]bool)}
	s.answer(tickets.check)
	p.Do(evaluate(`window.renewed = [];
		window.fails = 2; // a renewal that fails is tried again
		window.renew = status => {
			if (fails-- > 0) throw new Error("no renewal");
			return "/events?ticket=" + renewed.push(status);
		}`))
	p.follow(`"/events?ticket=0", {%s, renew}`, quick)
	p.role("alone")
	last := s.publish(2)
	p.through(last)
	for range 3 {
		s.cut() // the browser comes back with a ticket that is spent
		last = s.publish(5)
		p.through(last)
	}
	if got := sampletest.Value[[]int](p.Browser, "renewed"); len(got) < 3 || got[0] != 401 {
		t.Errorf("renewals: got %v, want three, each after 401", got)
	}
	// The proxy's answer leaves a ticket that is good to the request for the
	// status, which spends it.
	tickets.away.Store(true)
	s.cut()
	p.Await("source.state === 'waiting'")
	last = s.publish(5)
	tickets.away.Store(false)
	p.through(last)
	if got := sampletest.Value[string](p.Browser, "source.url"); got == s.url+"/events?ticket=0" {
		t.Errorf("url: got %s, want the renewed one", got)
	}
}
