package stocks_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/stocks"
)

// observe notes the background colours of prices, and for how long rows had
// one, in ms.
const observe = `
window.colours = {}; window.flashes = [];
document.querySelectorAll('#quotes tr').forEach(function (tr) {
  var since = 0;
  new MutationObserver(function () {
    var now = performance.now();
    window.colours[getComputedStyle(tr.querySelector('.price')).backgroundColor] = true;
    if (tr.className) since = now;
    else if (since) window.flashes.push(now - since);
  }).observe(tr, {attributes: true, attributeFilter: ['class']});
}); 0`

const (
	lightgreen = "rgb(144, 238, 144)"
	tomato     = "rgb(255, 99, 71)"
	allWhite   = `Array.from(document.querySelectorAll('#quotes td, #quotes th')).every(function (cell) {
		return getComputedStyle(cell).backgroundColor === 'rgb(255, 255, 255)' })`
)

// TestBrowser checks the page in a real browser, whose connections it cuts.
func TestBrowser(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"gin": "/", "fiber": "/root/static/index.html"}
	for _, framework := range frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t)
			p := start(t, framework, "-min", "20ms", "-max", "20ms", "-history", "100000")
			all := follow(open(t, p.url+"/stocks"))
			all.await(20)
			between := startProxy(t, p.url)
			b.do(chromedp.Navigate(between.url + paths[framework]))
			b.awaitBadge("Live")
			b.do(chromedp.Evaluate[chromedp.Void](observe))
			b.layout()

			for range 3 {
				b.awaitMore(25)
				between.cut()
				b.awaitBadge("Disconnected")
				all.await(25)
				b.awaitBadge("Live")
			}
			b.await("window.colours['" + lightgreen + "'] && window.colours['" + tomato + "']")
			b.awaitMore(1)

			b.toggle("Paused")
			awaitStreams(t, p.url, 1)
			b.await(allWhite)
			b.flashes()
			b.same(all)
			all.await(25)
			b.toggle("Live")
			b.awaitMore(50)
			b.toggle("Paused")
			b.same(all)
			b.toggle("Live")

			_ = p.cmd.Process.Kill()
			b.awaitBadge("Disconnected")
			p = start(t, framework, "-min", "20ms", "-max", "20ms")
			again := follow(open(t, p.url+"/stocks"))
			again.await(20)
			between.point(p.url)
			b.awaitBadge("Live")
			b.await("document.getElementById('note').textContent === 'Some updates were missed'")
			b.awaitMore(20)
			b.toggle("Paused")
			b.same(again)
		})
	}
}

// layout checks what does not change.
func (b *browser) layout() {
	b.t.Helper()
	for expression, want := range map[string]string{
		"document.querySelector('h1').textContent":                                                "Quotes",
		"document.getElementById('toggle').textContent":                                           "Toggle Updates",
		"Array.from(document.querySelectorAll('#quotes .symbol')).map(e => e.textContent).join()": "IBM,AAPL,GOOG,MSFT",
		"getComputedStyle(document.querySelector('#quotes .price')).textAlign":                    "right",
	} {
		if got := value[string](b, expression); got != want {
			b.t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// toggle clicks the button, and waits until the badge says what it should.
func (b *browser) toggle(want string) {
	b.t.Helper()
	b.do(chromedp.Click("#toggle"))
	b.awaitBadge(want)
}

// flashes checks how long rows had a colour after their last quote.
func (b *browser) flashes() {
	b.t.Helper()
	flashes := value[[]float64](b, "window.flashes")
	if len(flashes) < 4 || slices.Min(flashes) < 450 || slices.Min(flashes) > 1500 {
		b.t.Errorf("rows had a colour for: got %v ms, want about 500 for each of four", flashes)
	}
}

// same checks that the page has got what a subscriber got whose connection was
// not cut: the newest quote of each stock, and then, from one to the next,
// every one; and that it shows the newest. The page must be paused.
func (b *browser) same(all *followed) {
	b.t.Helper()
	ids := b.ids()
	newest := ids[len(ids)-1]
	events := all.through(newest)
	known := make(map[string]bool)
	for _, ev := range events {
		known[ev.ID] = true
	}
	from := slices.IndexFunc(ids, func(id string) bool { return known[id] })
	if from < 0 {
		b.t.Fatalf("the page's IDs: got %v, want those of a subscriber", ids)
	}
	for i := from + 1; i < len(ids); i++ {
		had, got := seq(b.t, ids[i-1]), seq(b.t, ids[i])
		if snapshot := i-from < len(stocks.Symbols()); got <= had || !snapshot && got != had+1 {
			b.t.Fatalf("the page's event %d of %d: got ID %s after %s, want the next one", i, len(ids), ids[i], ids[i-1])
		}
		if !known[ids[i]] {
			b.t.Fatalf("the page's event %d: got ID %s, want one that a subscriber got", i, ids[i])
		}
	}
	shown := value[map[string]string](b, `Object.fromEntries(Array.from(document.querySelectorAll('#quotes tr')).map(
		function (tr) { return [tr.getAttribute('data-symbol'), tr.querySelector('.price').textContent] }))`)
	for symbol, want := range prices(b.t, events) {
		if shown[symbol] != want {
			b.t.Errorf("price of %s after event %s: got %s, want %s", symbol, newest, shown[symbol], want)
		}
	}
	b.t.Logf("the page has got %d events", len(ids)-from)
}

// prices returns the newest prices.
func prices(t *testing.T, events []core.Event) map[string]string {
	t.Helper()
	newest := make(map[string]string)
	for _, ev := range events {
		var q stocks.Quote
		if err := json.Unmarshal([]byte(ev.Data), &q); err != nil {
			t.Fatalf("event %s: %v", ev.ID, err)
		}
		newest[q.Stock] = strconv.FormatFloat(q.Value, 'f', 2, 64)
	}
	return newest
}

// followed collects the events of a stream as they come.
type followed struct {
	s *stream

	mu     sync.Mutex
	more   sync.Cond
	events []core.Event
	ended  bool
}

// follow takes over a stream.
func follow(s *stream) *followed {
	f := &followed{s: s}
	f.more.L = &f.mu
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev, err := range s.decoder.All() {
			f.mu.Lock()
			if err == nil {
				f.events = append(f.events, ev)
			}
			f.mu.Unlock()
			f.more.Broadcast()
		}
		f.mu.Lock()
		f.ended = true
		f.mu.Unlock()
		f.more.Broadcast()
	}()
	s.t.Cleanup(func() {
		s.cut()
		<-done
	})
	return f
}

// await waits for n events more.
func (f *followed) await(n int) {
	f.s.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	n += len(f.events)
	for len(f.events) < n {
		if f.ended {
			f.s.t.Fatalf("a subscriber: got its end after %d events, want %d", len(f.events), n)
		}
		f.more.Wait()
	}
}

// through returns the events up to an ID, and waits for that.
func (f *followed) through(id string) []core.Event {
	f.s.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if i := slices.IndexFunc(f.events, func(ev core.Event) bool { return ev.ID == id }); i >= 0 {
			return slices.Clone(f.events[:i+1])
		}
		if f.ended {
			f.s.t.Fatalf("a subscriber: got no event %s before its end, want it", id)
		}
		f.more.Wait()
	}
}
