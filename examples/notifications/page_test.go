package notifications_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// newest and count are about the list of notifications, newest first.
const newest, count = "#list li:first-child p", "document.querySelectorAll('#list li').length"

// TestBrowser checks the page in a real browser, while its program is killed
// and another one goes on with the same file.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := sampletest.NewBrowser(t)
	db := file(t)
	p := sampletest.Start(t, "gin", "-db", db)
	push(t, p, `"before the page"`)
	between := sampletest.StartProxy(t, p.URL)
	b.Do(chromedp.Navigate(between.URL))
	b.AwaitText("#badge", "Connected")
	b.AwaitText(newest, "before the page")

	b.Do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("<b>typed</b>"), chromedp.KeyEvent(kb.Enter)) // no mouse is needed
	b.AwaitText(newest, "<b>typed</b>")
	b.Await("document.getElementById('value').value === ''")
	id := push(t, p, `{"job":7}`)
	b.AwaitText(newest, `{"job":7}`)
	b.AwaitText("#list li:first-child code", id)

	between.Cut()
	b.AwaitText("#badge", "Reconnecting…")
	push(t, p, `"missed before the end"`)
	p.Kill()
	p = sampletest.Start(t, "fiber", "-db", db)
	push(t, p, `"missed after it"`)
	between.Point(p.URL)
	b.AwaitText("#badge", "Connected")
	b.AwaitText(newest, "missed after it")
	b.AwaitText("#list li:nth-child(2) p", "missed before the end")
	b.Await(count + " === 5")

	p.Kill()
	b.Do(chromedp.SetValue(chromedp.CSS("#value"), "in vain"))
	b.Click("#push button")
	b.AwaitText("#said", "No answer from the server. It may not have been pushed.")
}

// TestWindows checks that the second window of a browser needs no connection.
func TestWindows(t *testing.T) {
	t.Parallel()
	p := start(t, "fiber")
	one := sampletest.NewBrowser(t)
	one.Do(chromedp.Navigate(p.URL))
	one.AwaitText("#badge", "Connected")
	push(t, p, `"hello"`)
	other, _ := one.Tab(true)
	other.Do(chromedp.Navigate(p.URL))
	one.AwaitText(newest, "hello")
	other.AwaitText(newest, "hello")
	other.AwaitText("#badge", "Connected by another window")
	push(t, p, `"both of you"`)
	one.AwaitText(newest, "both of you")
	other.AwaitText(newest, "both of you")
	one.Do(chromedp.Navigate("about:blank"))
	other.AwaitText("#badge", "Connected")
}

// TestScreenshot takes the picture for the README with -update, and otherwise
// checks that it is one.
func TestScreenshot(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 960, 680, func(name string, width, height int64) {
		b := sampletest.NewBrowser(t)
		p := start(t, "gin")
		b.Resize(width, height)
		b.Do(chromedp.Navigate(p.URL))
		b.AwaitText("#badge", "Connected")
		for _, value := range []string{
			`"Backup finished in 4 min 12 s"`, `{"build":1289,"state":"passed"}`, `"Disk of db-2 is 91 % full"`,
		} {
			push(t, p, value)
		}
		b.Await(count + " === 3")
		b.Do(chromedp.SetValue(chromedp.CSS("#value"), "Deploy of shop has begun"))
		b.Click("#push button")
		b.AwaitText(newest, "Deploy of shop has begun")
		// The pointer has left, and the newest line has faded.
		b.Do(chromedp.MouseEvent("mouseMoved", 1, 1))
		b.Await("document.getAnimations().length === 0")
		b.Shoot(name)
	})
}
