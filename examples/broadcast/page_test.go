package broadcast_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

const (
	connected = "Connected (Listening on my_channel)"
	received  = "document.querySelectorAll('#log .received').length"
)

// TestBrowser checks the page in a real browser, whose connection it cuts.
func TestBrowser(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			b := sampletest.NewBrowser(t)
			p := sampletest.Start(t, framework)
			between := sampletest.StartProxy(t, p.URL)
			b.Do(chromedp.Navigate(between.URL))
			b.AwaitText("#status", connected)

			b.Do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)) // no mouse is needed
			b.Await(received + " === 1")
			b.AwaitText("#log .said", "Log: Broadcasted to 1 clients.")
			b.Click("#btn-ping")
			b.Await(received + " === 2")
			all := sampletest.Open(t, p.URL+stream)
			if got := send(t, p); got != clients(2) {
				t.Errorf("the page and another client: got %q, want %q", got, clients(2))
			}
			newest := "Received: " + all.Next().Data
			b.AwaitText("#log .received", newest) // on top

			between.Cut()
			b.AwaitText("#status", "Disconnected")
			send(t, p)
			missed := "Received: " + all.Next().Data
			b.AwaitText("#status", connected)
			b.AwaitText("#log .received", missed)
			b.Await(received + " === 4")

			p.Kill()
			b.AwaitText("#status", "Disconnected")
			b.Click("#btn-ping")
			b.AwaitText("#log div", "Log: The server cannot be reached.")
			between.Point(sampletest.Start(t, framework).URL)
			b.AwaitText("#status", connected)
			b.AwaitText("#log div", "Log: Some events may have been missed.")
			b.Click("#btn-ping")
			b.Await(received + " === 5")
		})
	}
}

// TestScreenshot takes the picture for the README with -update, and otherwise
// checks that it is one.
func TestScreenshot(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 960, 640, func(name string, width, height int64) {
		b := sampletest.NewBrowser(t)
		p := sampletest.Start(t, "gin")
		b.Resize(width, height)
		b.Do(chromedp.Navigate(p.URL))
		b.AwaitText("#status", connected)
		sampletest.Open(t, p.URL+stream)
		for range 3 {
			b.Click("#btn-ping")
			send(t, p)
		}
		b.Await(received + " === 6 && document.querySelectorAll('#log .said').length === 3")
		// The pointer has left, and the newest lines have faded.
		b.Do(chromedp.MouseEvent("mouseMoved", 1, 1))
		b.Await("document.getAnimations().length === 0")
		b.Shoot(name)
	})
}
