package stocks_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
	"github.com/tidings-go/tidings/examples/stocks"
)

// TestRefused checks that the page comes back after it was refused, which a
// browser does not do by itself, and what it makes of odd quotes.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := newPage(t)
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(stocks.Page()) })
	mux.HandleFunc("GET /stocks", func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			http.Error(w, "Not now.", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i, data := range []string{
			`{"stock":"IBM","value":"1"}`, `{}`, `null`, `nonsense`, `{"stock":"IBM","value":1e999}`,
			`{"stock":"<b>new</b>","value":7}`, `{"stock":"IBM","value":612.3}`,
		} {
			_, _ = fmt.Fprintf(w, "event: stockupdate\nid: %d\ndata: %s\n\n", i, data)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	b.Do(chromedp.Navigate(server.URL))
	b.AwaitText("#badge", "Disconnected")
	b.AwaitText("#badge", "Live")
	b.Await("window.tidings.ids.length === 7")
	const want = "IBM 612.30,AAPL –,GOOG –,MSFT –,<b>new</b> 7.00"
	got := sampletest.Value[string](b.Browser, `Array.from(document.querySelectorAll('#quotes tr')).map(function (tr) {
		return tr.querySelector('.symbol').textContent + ' ' + tr.querySelector('.price').textContent }).join()`)
	if got != want {
		t.Errorf("rows: got %s, want %s", got, want)
	}
}

// TestWithoutEventSource checks that the page says so.
func TestWithoutEventSource(t *testing.T) {
	t.Parallel()
	b := newPage(t)
	page := bytes.Replace(stocks.Page(), []byte("<head>"), []byte("<head><script>delete window.EventSource</script>"), 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	b.Do(chromedp.Navigate(server.URL))
	b.Await("document.getElementById('unsupported').offsetHeight > 0")
	b.Await("document.getElementById('toggle').disabled")
}

// TestScreenshot takes the picture for the README with -update, and otherwise
// checks that it is one.
func TestScreenshot(t *testing.T) {
	t.Parallel()
	sampletest.Picture(t, "screenshot.png", 1120, 680, func(name string, width, height int64) {
		screenshot(t, name, width, height)
	})
}

// screenshot takes a picture once the sparklines are full, while one price rises
// and one falls.
func screenshot(t *testing.T, name string, width, height int64) {
	t.Helper()
	b := newPage(t)
	p := sampletest.Start(t, "gin", "-min", "100ms", "-max", "300ms")
	b.Resize(width, height)
	b.Do(chromedp.Navigate(p.URL))
	for range 4 {
		b.awaitMore(45)
	}
	const moment = "document.querySelectorAll('tr.up').length === 1 && document.querySelectorAll('tr.down').length === 1"
	for shot := false; !shot; {
		b.Await(moment)
		b.Shoot(name)
		shot = sampletest.Value[bool](b.Browser, moment)
	}
}
