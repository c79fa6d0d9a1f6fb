package chat_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/chat"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// browserPage is the chat page in its own browser.
type browserPage struct {
	*sampletest.Browser

	t *testing.T
}

func openPage(t *testing.T) browserPage {
	t.Helper()
	return browserPage{sampletest.NewBrowser(t), t}
}

// keys types into whatever has the focus.
func (g browserPage) keys(text string) {
	g.t.Helper()
	g.Do(chromedp.KeyEvent(text))
}

// join enters the room with the page at a URL.
func (g browserPage) join(url, name string) {
	g.t.Helper()
	g.Do(chromedp.Navigate(url))
	g.Await("document.activeElement.id === 'name'")
	g.keys(name + "\r")
	g.AwaitText("#badge", "Live")
	g.AwaitText("#users div.user span:last-child", name+" (you)")
}

// messages returns the texts of the messages that the page shows.
func (g browserPage) messages() []string {
	g.t.Helper()
	return sampletest.Value[[]string](g.Browser, "Array.from(document.querySelectorAll('.text')).map(e => e.textContent)")
}

// awaitMessage waits until the last message is by and about that.
func (g browserPage) awaitMessage(who, text string) {
	g.t.Helper()
	const last = "Array.from(document.querySelectorAll('.message')).slice(-1)"
	g.Await(fmt.Sprintf("%s.some(e => e.querySelector('.who').textContent === %s && e.querySelector('.text').textContent === %s)",
		last, quoted(g.t, who), quoted(g.t, text)))
}

// awaitUsers waits until the page lists these.
func (g browserPage) awaitUsers(names ...string) {
	g.t.Helper()
	const listed = "Array.from(document.querySelectorAll('.user span:last-child')).map(e => e.textContent)"
	g.Await(fmt.Sprintf("JSON.stringify(%s) === JSON.stringify(%s)", listed, quoted(g.t, names)))
}

// TestBrowsers checks the page in two real browsers, which write to each
// other; one has its connections cut.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			between := sampletest.StartProxy(t, p.URL)
			alice, bob := openPage(t), openPage(t)
			alice.join(between.URL, "alice")
			bob.join(p.URL, "bob")
			for _, g := range []browserPage{alice, bob} {
				g.AwaitText("#online", "2 online")
			}
			alice.awaitUsers("alice (you)", "bob")
			alice.keys("hello\r")
			bob.awaitMessage("alice", "hello")
			alice.awaitMessage("You", "hello")
			alice.Await("document.getElementById('text').value === ''")

			// HTML is text, in messages and in names.
			const image = `<img src=x onerror="window.hacked=1"><b>bold</b>`
			bob.keys(image + "\r")
			alice.awaitMessage("bob", image)
			eve := enter(t, p, image[:30])
			alice.awaitUsers(image[:30], "alice (you)", "bob")
			say(t, p, image[:30], "hi", "")
			alice.awaitMessage(image[:30], "hi")
			for _, g := range []browserPage{alice, bob} {
				g.Await("window.hacked === undefined && document.querySelectorAll('#room img, #room .text b, #users b').length === 0")
			}
			eve.until(publicMessage(image[:30], "hi"))
			eve.Cut()
			alice.awaitUsers("alice (you)", "bob")

			// A private message.
			alice.Click(`#users button[title="Write privately to bob"]`)
			alice.AwaitText("#to span", "Private message to bob")
			alice.keys("psst\r")
			alice.awaitMessage("You to bob, privately", "psst")
			bob.awaitMessage("alice, privately", "psst")
			alice.Await("document.querySelectorAll('.message.private').length === 1")
			alice.keys("\x1b") // Escape
			alice.Await("document.getElementById('to').hidden && document.activeElement.id === 'text'")

			alice.cut(p, between)
			alice.names(bob)

			alice.Do(chromedp.Reload())
			alice.AwaitText("#badge", "Live")
			alice.awaitUsers("alice (you)", "robert")
			bob.keys("still there?\r")
			alice.awaitMessage("robert", "still there?")

			p.Kill()
			alice.AwaitText("#badge", "Reconnecting")
			p = sampletest.Start(t, framework)
			between.Point(p.URL)
			alice.AwaitText("#badge", "Live")
			alice.awaitUsers("alice (you)")
			alice.Await("Array.from(document.querySelectorAll('.system')).some(e => e.textContent === 'Some messages may be missing here')")
			alice.keys("anybody?\r")
			alice.awaitMessage("You", "anybody?")
		})
	}
}

// cut checks that the page misses nothing while its connection is cut.
func (g browserPage) cut(p *sampletest.Program, between *sampletest.Proxy) {
	g.t.Helper()
	want := g.messages()
	between.Cut()
	g.AwaitText("#badge", "Reconnecting")
	for i := range 5 {
		text := fmt.Sprint("while away ", i)
		say(g.t, p, "bob", text, "")
		want = append(want, text)
	}
	g.AwaitText("#badge", "Live")
	g.awaitMessage("bob", want[len(want)-1])
	if got := g.messages(); !slices.Equal(got, want) {
		g.t.Errorf("messages after a cut: got %q, want %q", got, want)
	}
}

// names checks that the page reports a name that is in use, and accepts another
// one.
func (g browserPage) names(other browserPage) {
	g.t.Helper()
	other.Click("#leave")
	other.keys("alice\r")
	other.AwaitText("#refusal", "This name is in use. Choose another one, or try again in a moment.")
	other.keys("robert\r") // in its place
	other.AwaitText("#badge", "Live")
	other.awaitUsers("alice", "robert (you)")
	g.awaitUsers("alice (you)", "robert")
}

// TestUnsent checks that the page says what it cannot send.
func TestUnsent(t *testing.T) {
	t.Parallel()
	g := openPage(t)
	p := sampletest.Start(t, "fiber", "-grace", "10ms")
	eve := enter(t, p, "eve")
	g.join(p.URL, "alice")
	g.Click(`#users button[title="Write privately to eve"]`)
	eve.Cut()
	g.AwaitText("#recipient", "eve (offline)")
	g.keys("are you there?\r")
	g.AwaitText("#problem", "Not sent. There is no eve online.")
	g.Await("document.getElementById('text').value === 'are you there?'")
	g.Click("#public")
	g.keys("\r")
	g.awaitMessage("You", "are you there?")
	g.Await("document.getElementById('problem').hidden")
	p.Kill()
	g.keys("hello?\r")
	g.AwaitText("#problem", "Not sent: the server cannot be reached. Try again.")
}

// TestScroll checks that the latest message stays in view, unless the reader
// has gone up to older ones.
func TestScroll(t *testing.T) {
	t.Parallel()
	g := openPage(t)
	p := sampletest.Start(t, "gin")
	g.Resize(390, 600)
	g.join(p.URL, "alice")
	const (
		distance = "(function (l) { return l.scrollHeight - l.scrollTop - l.clientHeight }(document.getElementById('log')))"
		atEnd    = distance + " < 2"
		newer    = "!document.getElementById('newer').hidden"
	)
	for i := range 30 {
		say(t, p, "bob", fmt.Sprint("message ", i), "")
	}
	g.awaitMessage("bob", "message 29")
	g.Await(atEnd)
	for range 3 {
		g.Resize(390, 450) // a keyboard comes up
		g.Await(atEnd)
		g.Resize(1100, 700)
		g.Await(atEnd)
		g.Resize(390, 600)
		g.Await(atEnd)
	}
	// The test scrolls only after the page was resized and drawn.
	const drawn = "window.drawn = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = true })); 0"
	for _, script := range []string{drawn, "document.getElementById('log').scrollTop = 100; " + drawn} {
		g.Do(chromedp.Evaluate[chromedp.Void](script))
		g.Await("window.drawn")
	}
	say(t, p, "bob", "one more", "")
	g.awaitMessage("bob", "one more")
	g.Await(newer + " && " + distance + " > 100")
	g.Click("#newer")
	g.Await(atEnd + " && document.getElementById('newer').hidden && document.activeElement.id === 'text'")
}

// TestOdd checks what the page makes of odd events.
func TestOdd(t *testing.T) {
	t.Parallel()
	g := openPage(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(chat.Page()) })
	mux.HandleFunc("GET /chat", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i, ev := range [][2]string{
			{"chat", "null"},
			{"chat", "{}"},
			{"chat", "nonsense"},
			{"chat", `{"from":7,"text":"x"}`},
			{"chat", `{"from":"","text":"x"}`},
			{"userlist", "null"},
			{"userlist", "7"},
			{"userlist", `["__proto__","alice","constructor",""]`},
			{"stats", "null"},
			{"system", "7"},
			{"chat", `{"from":"__proto__","text":"first"}`},
			{"chat", `{"from":"bob","text":"last"}`},
		} {
			// After a reset, an event may come again.
			_, _ = fmt.Fprint(w, strings.Repeat(fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", ev[0], i, ev[1]), 2))
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	g.join(server.URL, "alice")
	g.awaitMessage("bob", "last")
	g.awaitUsers("__proto__", "alice (you)", "constructor")
	if got := g.messages(); len(got) != 2 {
		t.Errorf("messages: got %q, want two", got)
	}
}

// TestWithoutEventSource checks that the page says so.
func TestWithoutEventSource(t *testing.T) {
	t.Parallel()
	g := openPage(t)
	page := bytes.Replace(chat.Page(), []byte("<head>"), []byte("<head><script>delete window.EventSource</script>"), 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	g.Do(chromedp.Navigate(server.URL))
	g.AwaitText("#refusal", "This browser has no EventSource. Any current browser has.")
}

// TestScreenshot takes the picture for the README with -update, and otherwise
// checks that it is one.
func TestScreenshot(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 1120, 760, func(name string, width, height int64) {
		screenshot(t, name, width, height)
	})
}

// screenshot takes a picture of a conversation.
func screenshot(t *testing.T, name string, width, height int64) {
	t.Helper()
	p := sampletest.Start(t, "gin")
	g := openPage(t)
	g.Resize(width, height)
	for _, other := range []string{"Ada", "Grace", "Edsger", "Barbara"} {
		enter(t, p, other)
	}
	g.join(p.URL, "Linus")
	for _, m := range []struct{ from, text, to string }{
		{"Ada", "Good morning! Is everybody on the new build?", ""},
		{"Grace", "On it since nine. My laptop slept through lunch, and not one message was lost.", ""},
		{"Grace", "The page came back by itself, and got what it had missed.", ""},
		{"Linus", "Same here, on the train: three tunnels, nothing missing.", ""},
		{"Ada", "Can you look at the slides before the others see them?", "Linus"},
		{"Linus", "Sure, send them over.", "Ada"},
		{"Barbara", "Then let us ship it today.", ""},
	} {
		say(t, p, m.from, m.text, m.to)
	}
	g.Await("document.querySelectorAll('.message').length === 7")
	g.Click(`#users button[title="Write privately to Ada"]`)
	g.keys("Page four is great")
	g.Shoot(name)
}
