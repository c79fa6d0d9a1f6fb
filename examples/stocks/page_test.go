package stocks_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
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
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			b := newPage(t)
			p := sampletest.Start(t, framework, "-min", "20ms", "-max", "20ms", "-history", "100000")
			all := sampletest.Follow(sampletest.Open(t, p.URL+"/stocks"))
			all.Await(20)
			between := sampletest.StartProxy(t, p.URL)
			b.Do(chromedp.Navigate(between.URL + paths[framework]))
			b.AwaitText("#badge", "Live")
			b.Do(chromedp.Evaluate[chromedp.Void](observe))
			b.layout()

			for range 3 {
				b.awaitMore(25)
				between.Cut()
				b.AwaitText("#badge", "Disconnected")
				all.Await(25)
				b.AwaitText("#badge", "Live")
			}
			b.Await("window.colours['" + lightgreen + "'] && window.colours['" + tomato + "']")
			b.awaitMore(1)

			b.toggle("Paused")
			sampletest.AwaitStreams(t, p.URL, 1)
			b.Await(allWhite)
			b.flashes()
			b.same(all)
			all.Await(25)
			b.toggle("Live")
			b.awaitMore(50)
			b.toggle("Paused")
			b.same(all)
			b.toggle("Live")

			p.Kill()
			b.AwaitText("#badge", "Disconnected")
			p = sampletest.Start(t, framework, "-min", "20ms", "-max", "20ms")
			again := sampletest.Follow(sampletest.Open(t, p.URL+"/stocks"))
			again.Await(20)
			between.Point(p.URL)
			b.AwaitText("#badge", "Live")
			b.Await("document.getElementById('note').textContent === 'Some updates were missed'")
			b.awaitMore(20)
			b.toggle("Paused")
			b.same(again)
		})
	}
}

// page is the page in a browser.
type page struct {
	*sampletest.Browser
	t *testing.T
}

func newPage(t *testing.T) *page {
	t.Helper()
	return &page{sampletest.NewBrowser(t), t}
}

// awaitMore waits until the page has got so many quotes more.
func (b *page) awaitMore(n int) {
	b.t.Helper()
	b.Await(fmt.Sprintf("window.tidings.ids.length >= %d", n+len(b.ids())))
}

func (b *page) ids() []string {
	b.t.Helper()
	return sampletest.Value[[]string](b.Browser, "window.tidings.ids")
}

// layout checks what does not change.
func (b *page) layout() {
	b.t.Helper()
	for expression, want := range map[string]string{
		"document.querySelector('h1').textContent":                                                "Quotes",
		"document.getElementById('toggle').textContent":                                           "Toggle Updates",
		"Array.from(document.querySelectorAll('#quotes .symbol')).map(e => e.textContent).join()": "IBM,AAPL,GOOG,MSFT",
		"getComputedStyle(document.querySelector('#quotes .price')).textAlign":                    "right",
	} {
		if got := sampletest.Value[string](b.Browser, expression); got != want {
			b.t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// toggle clicks the button, and waits until the badge says what it should.
func (b *page) toggle(want string) {
	b.t.Helper()
	b.Click("#toggle")
	b.AwaitText("#badge", want)
}

// flashes checks how long rows had a colour after their last quote.
func (b *page) flashes() {
	b.t.Helper()
	flashes := sampletest.Value[[]float64](b.Browser, "window.flashes")
	if len(flashes) < 4 || slices.Min(flashes) < 450 || slices.Min(flashes) > 1500 {
		b.t.Errorf("rows had a colour for: got %v ms, want about 500 for each of four", flashes)
	}
}

// same checks that the page has got what a subscriber got whose connection was
// not cut: the newest quote of each stock, and then, from one to the next,
// every one; and that it shows the newest. The page must be paused.
func (b *page) same(all *sampletest.Followed) {
	b.t.Helper()
	ids := b.ids()
	newest := ids[len(ids)-1]
	events := all.Through(newest)
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
	shown := sampletest.Value[map[string]string](b.Browser, `Object.fromEntries(Array.from(document.querySelectorAll('#quotes tr')).map(
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
