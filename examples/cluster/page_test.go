package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/core/browser"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// page is the sample in a browser. It may run no script but its own, so that the
// waits of chromedp, which evaluate text in the page, are not for it.
type page struct {
	*sampletest.Browser

	t *testing.T
}

func open(t *testing.T, c *cluster) *page {
	t.Helper()
	p := &page{sampletest.NewBrowser(t), t}
	p.Do(chromedp.Navigate(c.URL))
	p.live()
	return p
}

// await waits until an expression is true.
func (p *page) await(expression string) {
	p.t.Helper()
	sampletest.Eventually(p.t, expression, func() bool { return sampletest.Value[bool](p.Browser, expression) })
}

// text returns the text of an element.
func (p *page) text(id string) string {
	p.t.Helper()
	return sampletest.Value[string](p.Browser, "document.getElementById('"+id+"').textContent")
}

// live waits until the page is connected, and has prices.
func (p *page) live() {
	p.t.Helper()
	p.await("document.getElementById('badge')?.textContent === 'Live' && document.querySelectorAll('#quotes tr').length === 4")
}

// whole checks that the page has missed nothing.
func (p *page) whole() {
	p.t.Helper()
	if missed, repeated := p.text("missed"), p.text("repeated"); missed != "0" || repeated != "0" {
		p.t.Errorf("got %s prices missed, %s repeated, want none", missed, repeated)
	}
}

// press presses a button once it says what it should.
func (p *page) press(selector, want string) {
	p.t.Helper()
	p.await("(e => e?.textContent === '" + want + "' && (e.click(), true))(document.querySelector('" + selector + "'))")
}

// count waits until so many elements are there.
func (p *page) count(selector string, want int) {
	p.t.Helper()
	p.await(fmt.Sprintf("document.querySelectorAll('%s').length === %d", selector, want))
}

// killHere kills the node that the page is connected to, and waits until it is
// connected to another one.
func (p *page) killHere() {
	p.t.Helper()
	node := p.text("node")
	p.press("#members [aria-current] button", "Kill")
	p.await("!['–', '" + node + "'].includes(document.getElementById('node').textContent)")
	p.live()
	p.whole()
}

// TestBrowser kills the node that a page is connected to, and the engine, and has
// all nodes restarted: the page goes on, and another tab does, too.
func TestBrowser(t *testing.T) {
	t.Parallel()
	c := start(t)
	p := open(t, c)
	tab, _ := p.Tab(true)
	other := &page{tab, t}
	other.Do(chromedp.Navigate(c.URL))
	other.live()

	p.killHere()
	p.count("#members .start", 1)
	p.killHere()
	p.count("#members .start", 2)
	p.press("#members .start", "Start")
	p.count("#members .start", 1)
	p.press("#members .start", "Start")
	p.count("#members .start", 0)
	if *engine == "" {
		p.press("#members [data-member=engine] button", "Kill")
		p.await("document.getElementById('badge').textContent === 'Waiting for the engine'")
		p.press("#members [data-member=engine] button", "Start")
		p.live()
	}
	p.press("#rolling", "Rolling restart")
	p.await("document.getElementById('rolling').disabled")
	p.await("!document.getElementById('rolling').disabled")
	for _, p := range []*page{p, other} {
		p.live()
		p.whole()
	}
	if p.text("reconnects") == "0" || p.text("publisher") == "–" {
		t.Errorf("got %s reconnects, published by %s, want some, and a node", p.text("reconnects"), p.text("publisher"))
	}
	c.Interrupt()
}

// TestCounts checks that the page counts what is out of turn.
func TestCounts(t *testing.T) {
	t.Parallel()
	p := &page{sampletest.NewBrowser(t), t}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("static")))
	mux.Handle("GET /tidings.js", browser.Handler())
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, n := range []int{7, 8, 11, 11, 9, 12} {
			_, _ = fmt.Fprintf(w, "event: price\ndata: {\"n\":%d,\"stock\":\"IBM\",\"value\":1,\"by\":\"gin\"}\n\n", n)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	p.Do(chromedp.Navigate(server.URL))
	p.await("document.getElementById('received')?.textContent === '6'")
	if missed, repeated := p.text("missed"), p.text("repeated"); missed != "2" || repeated != "2" {
		t.Errorf("after 7, 8, 11, 11, 9, 12: got %s missed, %s repeated, want 2 and 2", missed, repeated)
	}
}

// TestScreenshots takes the pictures for the README with -update, and otherwise
// checks that they are some.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 1120, 800, screenshot(t))
	sampletest.Picture(t, "phone.png", 390, 844, screenshot(t))
}

// screenshot takes a picture of a page after two nodes were killed, of which one
// was started again.
func screenshot(t *testing.T) func(name string, width, height int64) {
	t.Helper()
	return func(name string, width, height int64) {
		c := start(t)
		p := open(t, c)
		p.Resize(width, height)
		p.killHere()
		p.press("#members .start", "Start")
		p.count("#members .good", 4)
		p.killHere()
		p.await("Number(document.getElementById('received').textContent) > 200")
		p.await("document.getElementById('viewers').textContent === '1 viewer on all nodes'")
		p.Shoot(name)
		c.Interrupt()
	}
}
