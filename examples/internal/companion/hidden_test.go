package companion_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestHidden checks that a page that pauses has no connection while it is
// hidden, and misses nothing.
func TestHidden(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"alone": "{pauseHidden: true}", "shared": "{pauseHidden: true, share: true}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			a := s.first()
			b := s.more(a, false)
			a.front()
			a.follow(`"/events", %s`, options)
			a.Await("source.state === 'open'")
			a.through(s.publish(3))
			for range 3 {
				b.front()
				s.awaitStreams(0)
				last := s.publish(10)
				a.front()
				a.through(last)
				s.awaitStreams(1)
			}
			if got := sampletest.Value[int](a.Browser, "s.states.filter(s => s.state === 'paused').length"); got != 3 {
				t.Errorf("pauses: got %d, want 3: %s", got, a.states())
			}
			b.front()
			s.awaitStreams(0)
			b.follow(`"/events", %s`, options) // the hidden tab does not lead
			b.Await("source.state === 'open'")
			last := s.publish(1)
			b.through(last)
			a.front()
			a.through(last)
			s.awaitStreams(1)
		})
	}
}

// TestReloads checks that a page that resumes goes on after a reload, and one
// that does not begins anew. One that comes back from the browser's cache goes
// on in any case.
func TestReloads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	p.follow(`"/events", {resume: true}`)
	p.role("alone")
	last := s.publish(5)
	p.through(last)
	for range 3 {
		p.Do(chromedp.Navigate("about:blank"))
		s.awaitStreams(0)
		before := last
		last = s.publish(5)
		p.Do(chromedp.Navigate(s.url))
		p.Await("window.ready")
		p.follow(`"/events", {resume: true}, %d`, before)
		p.through(last)
		before = last
		p.Do(chromedp.Reload())
		p.Await("window.ready")
		last = s.publish(5)
		p.follow(`"/events", {resume: true}, %d`, before)
		p.through(last)
	}
	p.Do(chromedp.Reload())
	p.Await("window.ready")
	p.follow(`"/events", {}`)
	p.role("alone")
	last = s.publish(1)
	p.through(last)
	if got := sampletest.Value[int64](p.Browser, "s.first"); got != last {
		t.Errorf("without resume: got %d first, want %d", got, last)
	}
}

// TestReturns checks that a page that the browser's cache brings back goes on.
// It reports what it has got: such a return is no navigation that a test could
// wait for.
func TestReturns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.first()
	p.follow(`"/events", {}`)
	p.role("alone")
	p.through(s.publish(5))
	p.Do(evaluate(`addEventListener("pageshow", event => {
			source.addEventListener("message", () => fetch("/report?" + [event.persisted, s.last, s.lost, s.twice]));
		}); 0`))
	p.Do(chromedp.Navigate(s.url + "/other"))
	s.awaitStreams(0)
	last := s.publish(5)
	p.Do(evaluate("setTimeout(() => history.back()); 0"))
	want := fmt.Sprintf("true,%d,0,0", last)
	for report := ""; report != want; {
		select {
		case report = <-s.reports:
		case <-time.After(sampletest.Patience):
			t.Fatalf("the page's last report: got %q, want %q", report, want)
		}
	}
}
