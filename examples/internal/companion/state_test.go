package companion_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestLoads checks that pages that load their state, and share a connection,
// always have the truth: while nothing happens they need no connection of their
// own, and while events come they miss none.
func TestLoads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ownIDs = true
	s.publish(7)
	a := s.first()
	const options = `"/events", {share: true, load, minDelay: 40, maxDelay: 200}`
	a.follow(options)
	a.role("leading")
	a.through(7)
	a.through(s.publish(3))
	tabs := []*tab{a}
	for range 3 {
		p := s.more(a, true)
		p.follow(options)
		p.role("following")
		p.whole(10)
		tabs = append(tabs, p)
	}
	if got := s.asked.Load(); got != 1 {
		t.Errorf("four tabs while nothing happens: got %d requests, want 1", got)
	}
	stop := s.flow()
	for range 5 {
		for _, p := range tabs { // the leading one, too
			p.Do(chromedp.Reload())
			p.Await("window.ready")
			p.follow(options)
			p.Await("source.state === 'open'")
			p.through(s.next.Load())
		}
	}
	last := stop()
	for _, p := range tabs {
		p.through(last)
	}
	s.awaitStreams(1)
	t.Logf("%d events, %d requests of 24 pages", last, s.asked.Load())
}

// TestLoadsAgain checks that a page loads its state anew when the server says
// that it has missed something, and tries until it can.
func TestLoadsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.publish(3)
	p := s.first()
	s.answer(status(502))
	p.follow(`"/events", {load: async () => load(), %s}`, quick)
	p.Await("s.errors > 2 && source.state === 'waiting'")
	s.answer(nil)
	p.through(s.publish(2))
	s.answer(status(502))
	s.cut()
	p.Await("source.state === 'waiting'")
	last := s.publish(2)
	if err := s.hub.Forget(t.Context(), "numbers"); err != nil {
		t.Fatal(err)
	}
	s.answer(nil)
	p.Await(fmt.Sprintf("s.resets === 1 && s.loads === 2 && s.last === %d", last))
	p.Await("source.state === 'open'")
	s.awaitStreams(1)
	last = s.publish(2)
	p.Await(fmt.Sprintf("s.last === %d", last))
	if got := sampletest.Value[int](p.Browser, "s.lost + s.twice"); got != 0 {
		t.Errorf("after a reset: got %d numbers lost or twice, want none", got)
	}
}
