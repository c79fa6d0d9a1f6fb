package secure_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// page is the sample in a browser. It may run no script but its own, so that the
// waits of chromedp, which evaluate text in the page, are not for it.
type page struct{ *sampletest.Browser }

// await waits until an expression is true.
func (p page) await(t *testing.T, expression string) {
	t.Helper()
	sampletest.Eventually(t, expression, func() bool { return sampletest.Value[bool](p.Browser, expression) })
}

// text waits until an element has that text.
func (p page) text(t *testing.T, id, want string) {
	t.Helper()
	p.await(t, "document.getElementById('"+id+"')?.textContent === '"+want+"'")
}

// press clicks an element.
func (p page) press(t *testing.T, selector string) {
	t.Helper()
	p.await(t, "(e => Boolean(e?.offsetHeight && (e.click(), true)))(document.querySelector(`"+selector+"`))")
}

// login logs a user in, as the demo proposes.
func (p page) login(t *testing.T, user string) {
	t.Helper()
	p.press(t, "[data-user="+user+"]")
	p.press(t, "#form button")
	p.text(t, "user", user)
}

// live waits until both streams have brought something.
func (p page) live(t *testing.T) {
	t.Helper()
	p.text(t, "prices-badge", "Live")
	p.text(t, "orders-badge", "Live")
	p.await(t, "document.querySelectorAll('#prices tr').length === 4 && document.querySelectorAll('#orders li').length === 6")
}

// TestBrowser checks the page in a real browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, "gin")
	cleo := s.login("cleo", cleoPassword)
	p := page{sampletest.NewBrowser(t)}
	p.Do(chromedp.Navigate(s.URL))
	p.press(t, "[data-user=ann]")
	p.await(t, "(document.getElementById('password').value = 'guessed') === 'guessed'")
	p.press(t, "#form button")
	p.text(t, "said", "The name or the password is wrong.")

	p.login(t, "ann")
	p.live(t)
	p.await(t, "document.cookie === ''") // no script sees one
	s.refused(http.StatusOK, http.MethodPost, "/revoke/ann", "Cookie", cleo)
	p.text(t, "told", "The server has ended your streams: revoked.")
	p.text(t, "prices-badge", "Ended")
	p.text(t, "orders-badge", "Ended")
	p.press(t, "#again")
	p.text(t, "told", "The server refuses your streams.")
	s.refused(http.StatusOK, http.MethodPost, "/restore/ann", "Cookie", cleo)
	p.press(t, "#again")
	p.live(t)

	p.press(t, "#logout")
	p.await(t, "document.getElementById('login').offsetHeight > 0 && document.getElementById('market').hidden")
	p.login(t, "bob")
	p.text(t, "prices-badge", "Live")
	p.text(t, "orders-badge", "Not for your role")
	p.press(t, "#try")
	p.text(t, "answer", "The server says 403 Forbidden")

	p.press(t, "#logout")
	p.login(t, "cleo")
	p.live(t)
	bob := s.open("/events/prices", "Cookie", s.login("bob", bobPassword))
	p.press(t, "[data-revoke=bob]")
	closed(t, bob, "revoked")
	p.text(t, "done", "bob is revoked. Streams ended: 1.")
	p.press(t, "[data-restore=bob]")
	p.text(t, "done", "bob may come back.")
	s.end()
}

// TestScreenshot takes the picture for the README with -update, and otherwise
// checks that it is one.
func TestScreenshot(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 1120, 720, func(name string, width, height int64) {
		s := sampletest.Start(t, "gin")
		p := page{sampletest.NewBrowser(t)}
		p.Resize(width, height)
		p.Do(chromedp.Navigate(s.URL))
		p.await(t, "document.getElementById('login').offsetHeight > 0")
		p.login(t, "cleo")
		p.live(t)
		p.Shoot(name)
	})
}
