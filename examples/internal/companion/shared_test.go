package companion_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestOneConnection checks that tabs share a connection, also for events of a
// name that only one of them listens for.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.first()
	a.follow(`"/events", {share: true}`)
	a.role("leading")
	tabs := []*tab{a, s.more(a, true), s.more(a, true)}
	for _, p := range tabs[1:] {
		p.follow(`"/events", {share: true}`)
		p.role("following")
	}
	for range 10 {
		last := s.publish(20)
		for _, p := range tabs {
			p.through(last)
		}
	}
	const named = "window.named = []; source.addEventListener('named', e => named.push(e.data + ' ' + e.lastEventId))"
	tabs[2].Do(evaluate(named))
	tabs[1].Do(evaluate(named))
	s.publish(1)
	for _, p := range tabs[1:] {
		p.Await("s.last === 201") // the leading tab has heard of the name
	}
	id, err := s.hub.Publish(t.Context(), "numbers", core.Event{Name: "named", Data: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tabs[1:] {
		p.Await("named.length === 1")
		if got := sampletest.Value[string](p.Browser, "named[0]"); got != "hello "+id {
			t.Errorf("named event: got %q, want hello and the ID %s", got, id)
		}
	}
	if asked, streams := s.asked.Load(), s.hub.Stats().Streams; asked != 1 || streams != 1 {
		t.Errorf("three tabs: got %d requests, %d streams, want 1", asked, streams)
	}
	tabs[1].Do(evaluate("source.close()"))
	last := s.publish(5)
	a.through(last)
	tabs[2].through(last)
	if got := sampletest.Value[int64](tabs[1].Browser, "s.last"); got == last {
		t.Error("a source that is closed: got events, want none")
	}
}

// TestLeaderCloses closes the leading tab again and again while events come as
// fast as some 500 a second.
func TestLeaderCloses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stop := s.flow()
	keep := s.first()
	keep.follow(`"/events", {share: true}`)
	keep.role("leading")
	for range 3 {
		leading := keep
		others := []*tab{s.more(keep, true), s.more(keep, true)}
		for _, p := range others {
			p.follow(`"/events", {share: true}`)
			p.role("following")
		}
		// What the first tab does by reloading, the others do by closing: the last of
		// three goes on alone, and is joined again.
		leading.Do(evaluate("source.close()"))
		others[0].role("leading")
		others[1].role("following")
		for _, p := range others {
			p.through(s.next.Load())
		}
		others[0].shut()
		others[1].role("leading")
		others[1].through(s.next.Load())
		keep.follow(`"/events", {share: true}`)
		keep.role("following")
		keep.through(s.next.Load())
		others[1].shut()
		keep.role("leading")
	}
	last := stop()
	keep.through(last)
	s.awaitStreams(1)
	t.Logf("%d events, %d requests", last, s.asked.Load())
}

// TestLeaderFreezes freezes the leading tab while events come, and blocks it.
func TestLeaderFreezes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stop := s.flow()
	a := s.first()
	a.follow(`"/events", {share: true}`)
	a.role("leading")
	b := s.more(a, true)
	b.follow(`"/events", {share: true}`)
	b.role("following")

	a.lifecycle(page.SetWebLifecycleStateStateFrozen)
	b.role("leading")
	b.through(s.next.Load() + 100)
	a.lifecycle(page.SetWebLifecycleStateStateActive)
	a.role("following")
	a.through(s.next.Load())

	// b leads, and its script does not return.
	b.Do(evaluate("setTimeout(() => { const end = Date.now() + 9000; while (Date.now() < end); }); 0"))
	a.Await("source.role === 'alone' && source.state === 'open'")
	a.through(s.next.Load() + 100)
	s.awaitStreams(2)
	b.role("leading")
	a.role("following")
	last := stop()
	a.through(last)
	b.through(last)
	s.awaitStreams(1)
}

// lifecycle freezes the page, or not any more.
func (p *tab) lifecycle(state page.SetWebLifecycleStateState) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
		return err
	}))
}

// front makes the tab the visible one of its window.
func (p *tab) front() {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.BringToFront, cdp.Empty{})
		return err
	}))
}

// TestSharedStart checks that a tab that has a position gets what follows it,
// before it shares the connection of the others.
func TestSharedStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	start := s.hub.Position()
	a := s.first()
	a.follow(`"/events", {share: true, lastEventId: %q}, 0`, start)
	a.role("leading")
	a.through(s.publish(10))
	b, c := s.more(a, true), s.more(a, true)
	b.follow(`"/events?lastEventId=%s", {share: true}, 0`, start)
	b.through(10)
	b.role("following") // both stand at the same event: it need not wait for the next one
	c.follow(`"/events", {share: true, lastEventId: %q}, 10`, s.hub.Position())
	c.role("following")
	s.awaitStreams(1)
	if got := s.asked.Load(); got != 2 {
		t.Errorf("requests: got %d, want one of the leading tab, one of the tab that was behind", got)
	}
	last := s.publish(10)
	for _, p := range []*tab{a, b, c} {
		p.through(last)
	}
}

// TestBehind has a script lead that is behind the tab, catches up, and then leaves
// something out.
func TestBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	p.Do(evaluate(`window.channel = new BroadcastChannel("tidings:numbers");
		window.standing = 0;
		channel.onmessage = ({ data }) => data.ask && standing && lead(standing);
		window.lead = (at, event) => channel.postMessage({
			at: s.ids[(standing = at)], since: Date.now(), known: 2, ...(event
				? { event: { type: "message", data: String(at), id: s.ids[at], prev: s.ids[at - 1] } }
				: { names: ["message", "reset"], detail: { state: "open" } }),
		});
		navigator.locks.request("tidings:numbers", () => new Promise(() => {}));
		0`))
	p.follow(`"/events", {share: "numbers"}`)
	p.role("alone") // the leading script has said nothing
	p.through(s.publish(5))
	p.Do(evaluate("lead(3)"))
	p.role("following")
	s.awaitStreams(0)
	for _, n := range []string{"4", "5"} {
		p.Do(evaluate("lead(" + n + ", true)"))
	}
	for n := 6; n <= 8; n++ {
		s.publish(1)
		p.Do(evaluate(fmt.Sprintf("s.ids[%d] = %q", n, s.hub.Position())))
	}
	p.Do(evaluate("lead(6, true)"))
	p.through(6)
	if got := s.asked.Load(); got != 1 {
		t.Errorf("requests: got %d, want 1: the tab was not behind", got)
	}
	p.Do(evaluate("lead(8, true)"))
	p.through(8) // on its own
	p.role("following")
	s.awaitStreams(0)
	if got := s.asked.Load(); got != 2 {
		t.Errorf("requests: got %d, want one more for what was left out", got)
	}
}

// TestNames checks that a tab misses no event of a name that the leading tab did
// not listen for before.
func TestNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.evenNamed = true
	stop := s.flow()
	a := s.first()
	b := s.more(a, true)
	for i := range 6 {
		a.follow(`"/events", {share: "%d"}`, i)
		a.role("leading")
		b.follow(`"/events", {share: "%d", load, names: true}`, i)
		b.role("following")
		b.through(s.next.Load() + 50)
		for _, p := range []*tab{b, a} {
			p.Do(evaluate("source.close()"))
		}
	}
	stop()
}

// TestWithoutLocks checks that a tab has its own connection where there are no
// Web Locks.
func TestWithoutLocks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.first()
	a.Do(evaluate("Object.defineProperty(navigator, 'locks', {value: undefined}); 0"))
	a.follow(`"/events", {share: true}`)
	a.role("alone")
	a.through(s.publish(2))
}
