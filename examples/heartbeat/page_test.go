package heartbeat_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tidings-go/tidings/examples/heartbeat"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestPage checks the page in a real browser, with a server that is more in a
// hurry than the sample's.
func TestPage(t *testing.T) {
	t.Parallel()
	b := sampletest.NewBrowser(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(heartbeat.Page()) })
	mux.HandleFunc("GET "+heartbeat.Path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		after, _ := strconv.Atoi(r.URL.Query().Get("lastEventId"))
		for n := after + 1; n <= after+60; n++ {
			const time = "2026-11-20T13:02:50.123Z"
			_, _ = fmt.Fprintf(w, "event: heartbeat\ndata: {\"sequence\":%d,\"timeStamp\":%q}\nid: %d\n\n", n, time, n)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)

	b.Do(chromedp.Navigate(server.URL))
	b.AwaitText("#badge", "Stopped")
	b.Do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)) // no mouse is needed
	b.AwaitText("#badge", "Connected")
	b.AwaitText("#beats li:first-child span", "Heartbeat 60")
	b.AwaitText("#beats li:last-child span", "Heartbeat 11")
	b.Await("document.querySelectorAll('#beats li').length === 50")
	b.Do(chromedp.KeyEvent(kb.Enter)) // the other button now
	b.AwaitText("#badge", "Stopped")
	b.Click("#start")
	b.AwaitText("#beats li:first-child span", "Heartbeat 120") // it goes on
	b.AwaitText("#beats li:last-child span", "Heartbeat 71")
	b.Click("#stop")
	b.AwaitText("#badge", "Stopped")
}

// TestBrowser checks that the page and the sample belong together, and that
// the page comes back.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := sampletest.NewBrowser(t)
	p := sampletest.Start(t, "gin")
	between := sampletest.StartProxy(t, p.URL)
	b.Do(chromedp.Navigate(between.URL))
	b.Click("#start")
	b.AwaitText("#beats li:first-child span", "Heartbeat 1")
	p.Kill()
	b.AwaitText("#badge", "Reconnecting…")
	between.Point(sampletest.Start(t, "fiber").URL)
	b.AwaitText("#beats li:first-child span", "Heartbeat 2")
	b.AwaitText("#badge", "Connected")
}
