package monitor_test

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// rows is the number of rows of the table.
const rows = "document.querySelectorAll('tbody tr').length"

// longTasks has the page note what kept it from responding.
const longTasks = `window.longest = 0; window.frame = 0; window.frames = 0;
new PerformanceObserver(l => { for (const e of l.getEntries()) longest = Math.max(longest, e.duration); }).observe({type: "longtask"});
(function step(before) { requestAnimationFrame(now => { frames++; if (before) frame = Math.max(frame, now - before); step(now); }); })();`

// TestPage uses the page, mostly by keyboard.
func TestPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, *streams, 4)
	s.publish(20*time.Millisecond, chat)
	b := sampletest.NewBrowser(t)
	b.Resize(1280, 900)
	b.Do(chromedp.Navigate(s.url + "/monitor/"))
	b.AwaitText("#badge", "Live")
	b.Do(chromedp.Evaluate[chromedp.Void](longTasks))
	b.Await(rows + " === 24") // 20 rooms, 3 cameras, status
	b.AwaitText("figure .value", strconv.Itoa(*streams+4))
	b.Await("Number(document.querySelectorAll('figure .value')[1].firstChild.data) > 10")

	b.Do(chromedp.KeyEvent("2"), chromedp.KeyEvent("/"))
	b.Await("document.activeElement.id === 'search'")
	// The driver sends the character on its own, which a keyboard does not.
	b.Do(clearSearch(), chromedp.KeyEvent("USER-0042"))
	b.Await(rows + " === 1")
	b.Await("document.querySelector('tbody tr').innerText.includes('user-0042@example.com')")
	b.Do(chromedp.KeyEvent(kb.Tab)) // leaves the search
	b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('tbody tr').focus()"))
	b.Do(chromedp.KeyEvent("x"))
	b.Await("document.getElementById('confirm').open")
	b.Do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.Await(rows + " === 0")
	b.AwaitText("figure .value", strconv.Itoa(*streams+3))

	b.Do(chromedp.KeyEvent("1"), clearSearch())
	b.Await("[...document.querySelectorAll('tbody tr')].some(tr => tr.dataset.key === 'room/00')")
	b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('tbody tr[data-key=\"room/00\"]').focus()"))
	b.Do(chromedp.KeyEvent(kb.Enter))
	b.AwaitText("#followed", "room/00")
	b.Await("document.querySelectorAll('#events li').length > 2")
	b.Do(chromedp.KeyEvent(kb.Escape))
	b.Await("document.getElementById('follow').hidden")

	b.Do(chromedp.KeyEvent("2"))
	b.Await(rows + " === 50")
	b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('tbody tr').focus()"), chromedp.KeyEvent(kb.ArrowDown))
	b.Await("document.activeElement === document.querySelectorAll('tbody tr')[1]")
	b.Do(chromedp.KeyEvent(kb.ArrowRight))
	b.Await("document.getElementById('range').textContent.startsWith('51–100')")
	longest, frame := sampletest.Value[float64](b, "longest"), sampletest.Value[float64](b, "frame")
	t.Logf("%d streams: the longest task took %.0f ms, the longest time between two frames is %.0f ms", *streams, longest, frame)
	if longest > 1000 {
		t.Errorf("longest task: got %.0f ms, want a page that responds", longest)
	}
	if got := sampletest.Value[string](b, "performance.getEntriesByType('resource').map(e => new URL(e.name).host).filter(h => h !== location.host).join()"); got != "" {
		t.Errorf("resources of other hosts: got %s, want none", got)
	}
}

func clearSearch() chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](`{
		const field = document.getElementById("search");
		field.value = "";
		field.dispatchEvent(new Event("input"));
	}`)
}

// TestPolling checks the page where no stream is possible.
func TestPolling(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3, 0)
	b := sampletest.NewBrowser(t)
	b.Do(chromedp.Navigate(s.url + "/monitor/"))
	b.AwaitText("#badge", "Live")
	b.Do(chromedp.Evaluate[chromedp.Void]("EventSource = class extends EventTarget { constructor() { super(); this.readyState = 2; setTimeout(() => this.onerror(), 0); } close() {} }; EventSource.CLOSED = 2; dispatchEvent(new Event('x')); document.querySelector('tbody tr')"))
	b.Do(chromedp.KeyEvent("1"))
	b.Await(rows + " > 0")
	b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('tbody tr').focus()"), chromedp.KeyEvent(kb.Enter))
	b.AwaitText("#badge", "Polling")
	b.AwaitText("figure .value", "3")
	followed := sampletest.Value[string](b, "document.getElementById('followed').textContent")
	s.publish(50*time.Millisecond, func() (string, string) { return followed, "polled" })
	b.Await("document.querySelector('#events code')?.textContent === 'polled'")
}

// TestCost measures the processor time that a viewer takes from the server. The
// clients are part of the process, with and without the viewer. With -streams
// 5000, it measures what the documentation says.
//
//nolint:paralleltest // It measures.
func TestCost(t *testing.T) {
	window, rounds := 3*time.Second, 1
	if *streams >= 5000 {
		window, rounds = 10*time.Second, 3
	}
	s := newSite(t, *streams, 0)
	s.publish(200*time.Millisecond, chat)
	b := sampletest.NewBrowserFor(t, 3*time.Minute)
	b.Resize(1280, 900)
	var with, without time.Duration
	for range rounds {
		b.Do(chromedp.Navigate("about:blank"))
		wait(6 * time.Second) // until nothing is measured any more
		without += used(t, window)
		b.Do(chromedp.Navigate(s.url + "/monitor/"))
		b.AwaitText("#badge", "Live")
		b.Do(chromedp.KeyEvent("2"), chromedp.Evaluate[chromedp.Void](longTasks))
		b.Await(rows + " === 50")
		before := busy(b)
		with += used(t, window)
		t.Logf("in %v: the page used %.1f %% of a core, its longest task took %.0f ms, %.0f frames, %.0f ms at most between two", window,
			100*(busy(b)-before).Seconds()/window.Seconds(),
			sampletest.Value[float64](b, "longest"), sampletest.Value[float64](b, "frames"), sampletest.Value[float64](b, "frame"))
	}
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / (window * time.Duration(rounds)).Seconds() }
	t.Logf("%d streams: %.2f %% of a core without a viewer, %.2f %% with one: %.2f %% for the monitor",
		*streams, percent(without), percent(with), percent(with-without))
	if got := percent(with - without); got > 50 { // on any machine
		t.Errorf("a viewer: got %.0f %% of a core, want little", got)
	}
}

// busy returns the processor time that the page's thread has used.
func busy(b *sampletest.Browser) (total time.Duration) {
	b.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, performance.Enable, performance.EnableParams{
			TimeDomain: performance.EnableTimeDomainThreadTicks,
		}); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		for _, m := range got.Metrics {
			if m.Name == "TaskDuration" {
				total = time.Duration(m.Value * float64(time.Second))
			}
		}
		return err
	}))
	return total
}

// used returns the processor time that the process uses during a time.
func used(t *testing.T, during time.Duration) time.Duration {
	t.Helper()
	now := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := now()
	wait(during)
	return now() - before
}

// wait lets time pass: that is what is measured.
func wait(d time.Duration) { <-time.NewTimer(d).C }
