package stocks_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestPage(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("static/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			for _, path := range []string{
				"/", "/static/", "/static/index.html", "/root/", "/root/static/", "/root/static/index.html",
			} {
				got := sampletest.Ask(t, http.MethodGet, p.URL+path)
				if got.StatusCode != http.StatusOK || got.Text != string(want) {
					t.Errorf("GET %s: got %s and %d bytes, want 200 and the page's %d", path, got.Status, len(got.Text), len(want))
				}
				if got := got.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Errorf("GET %s: got type %q, want text/html; charset=utf-8", path, got)
				}
				got = sampletest.Ask(t, http.MethodHead, p.URL+path)
				if got.StatusCode != http.StatusOK || got.Text != "" {
					t.Errorf("HEAD %s: got %s and %d bytes, want 200 and none", path, got.Status, len(got.Text))
				}
			}
			for _, path := range []string{"/nothing", "/static/../main.go", "/static/%2e%2e/market.go", "/stocks/nothing"} {
				if got := sampletest.Ask(t, http.MethodGet, p.URL+path); got.StatusCode == http.StatusOK {
					t.Errorf("GET %s: got %s, want it refused", path, got.Status)
				}
			}
		})
	}
}

// TestTwoClients checks the head, and that two clients get the same bytes.
func TestTwoClients(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "1ms", "-max", "5ms")
			one, other := sampletest.Open(t, p.URL+"/stocks"), sampletest.Open(t, p.URL+"/root/stocks")
			for name, want := range map[string]string{
				"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no",
			} {
				if got := one.Header.Get(name); got != want {
					t.Errorf("header %s: got %q, want %q", name, got, want)
				}
			}
			if streams, _ := sampletest.Stats(t, p.URL); streams != 2 {
				t.Errorf("open streams: got %d, want 2", streams)
			}
			first := other.Take(100)
			contiguous(t, one.Take(200))
			contiguous(t, first)
			other.Take(100)
			// The same bytes, from the first event of one to the last of the other.
			a, b := frames(one, first[1].ID, first[99].ID), frames(other, first[1].ID, first[99].ID)
			if len(a) < 99*len("event: stockupdate\n") || !bytes.Equal(a, b) {
				t.Errorf("two clients: got %d bytes and %d bytes that differ, want the same", len(a), len(b))
			}
		})
	}
}

// frames returns what a stream has read after one ID and through another.
func frames(s *sampletest.Stream, after, through string) []byte {
	raw := s.Raw.Bytes()
	from := bytes.Index(raw, []byte("id: "+after+"\n"))
	to := bytes.Index(raw, []byte("id: "+through+"\n"))
	if from < 0 || to < from {
		return nil
	}
	return raw[from:to]
}

// TestSnapshot checks what a new client receives that requests the newest
// quotes.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "1ms", "-max", "5ms")
			all := sampletest.Open(t, p.URL+"/stocks")
			all.Take(100)
			events := sampletest.Open(t, p.URL+"/stocks?start=snapshot").Take(50)
			stocks := make(map[string]bool)
			for i, ev := range events[:4] {
				stocks[ev.Data[:14]] = true
				if i > 0 && seq(t, ev.ID) <= seq(t, events[i-1].ID) {
					t.Errorf("snapshot: got ID %s after %s, want a later one", ev.ID, events[i-1].ID)
				}
			}
			if len(stocks) != 4 {
				t.Errorf("snapshot: got %d stocks, want 4: %v", len(stocks), events[:4])
			}
			contiguous(t, events[3:])
			if got := sampletest.Ask(t, http.MethodGet, p.URL+"/stocks?start=nonsense"); got.StatusCode != http.StatusBadRequest {
				t.Errorf("another start: got %s, want 400", got.Status)
			}
		})
	}
}

// TestOnce checks that a client that polls gets what subscribers get.
func TestOnce(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "20ms", "-max", "40ms")
			all := sampletest.Open(t, p.URL+"/stocks")
			first := all.Next()
			check := func(last string, want core.Event) {
				t.Helper()
				got := sampletest.Ask(t, http.MethodGet, p.URL+"/stocks/once", "Last-Event-ID", last)
				text := fmt.Sprintf("event: stockupdate\nretry: 100\ndata: %s\nid: %s\n\n", want.Data, want.ID)
				if got.StatusCode != http.StatusOK || got.Text != text || got.ContentLength != int64(len(text)) {
					t.Errorf("once after %q: got %s, %d bytes, %q, want %q", last, got.Status, got.ContentLength, got.Text, text)
				}
			}
			last := first.ID
			for range 10 { // it comes back before the quote does
				want := all.Next()
				check(last, want)
				last = want.ID
			}
			for _, want := range all.Take(10) { // it is behind
				check(last, want)
				last = want.ID
			}
		})
	}
}

// TestOnceLive checks that a client without an ID that is known gets the next
// quote.
func TestOnceLive(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "20ms", "-max", "40ms")
			all := sampletest.Open(t, p.URL+"/stocks")
			for _, last := range []string{"", "0", "nonsense", "zzz-1", "-1", strings.Repeat("9", 500)} {
				_, before := sampletest.Stats(t, p.URL)
				got := sampletest.Ask(t, http.MethodGet, p.URL+"/root/stocks/once", "Last-Event-ID", last)
				ev, err := core.NewDecoder(strings.NewReader(got.Text), core.DecoderConfig{}).Next()
				if err != nil || ev.Retry != 100*time.Millisecond {
					t.Fatalf("once after %q: got %s, %q, want an event with retry: 100", last, got.Status, got.Text)
				}
				if n := int(seq(t, ev.ID)); n <= before {
					t.Errorf("once after %q: got event %d, want one after %d, which is over", last, n, before)
				}
				for want := all.Next(); ; want = all.Next() {
					if want.ID == ev.ID {
						if want.Data != ev.Data {
							t.Errorf("once: got data %s for ID %s, want %s", ev.Data, ev.ID, want.Data)
						}
						break
					}
				}
			}
		})
	}
}

// TestController checks that a stream that polls gets what subscribers get.
func TestController(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "5ms", "-max", "10ms")
			all := sampletest.Open(t, p.URL+"/stocks")
			first := all.Next()
			want := all.Take(300)
			polled := sampletest.Open(t, p.URL+"/stocks/controller", "Last-Event-ID", first.ID)
			for i, got := range polled.Take(300) {
				if got.ID != want[i].ID || got.Data != want[i].Data || got.Name != want[i].Name {
					t.Fatalf("event %d: got %+v, want %+v", i, got, want[i])
				}
			}
			contiguous(t, sampletest.Open(t, p.URL+"/root/stocks/controller").Take(20))
			lost := sampletest.Open(t, p.URL+"/stocks/controller?lastEventId=nonsense").Take(20)
			if ev := lost[0]; ev.Name != core.ResetEvent || !strings.Contains(ev.Data, `"reason":"unknown"`) {
				t.Errorf("after an unknown ID: got %+v, want a reset", ev)
			}
			contiguous(t, lost[1:])
			if got, want := seq(t, lost[1].ID), seq(t, lost[0].ID)+1; got != want {
				t.Errorf("after a reset: got event %d, want %d", got, want)
			}
		})
	}
}

// TestResume checks, at a thousand events a second, that a client whose
// connection is cut again and again gets each event once.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			const cuts = 40
			p := sampletest.Start(t, framework, "-min", "1ms", "-max", "1ms", "-history", "100000")
			all := sampletest.Open(t, p.URL+"/stocks")
			first := all.Next()
			begin := time.Now()
			last := first.ID
			var got []core.Event
			for range cuts {
				s := sampletest.Open(t, p.URL+"/stocks", "Last-Event-ID", last)
				for range rand.IntN(120) {
					ev := s.Next()
					if want := all.Next(); ev != want {
						t.Fatalf("event %d: got %+v, want %+v", len(got), ev, want)
					}
					got = append(got, ev)
					last = ev.ID
				}
				s.Cut()
			}
			contiguous(t, got)
			t.Logf("%d cuts, %d events in %v", cuts, len(got), time.Since(begin).Round(time.Millisecond))
		})
	}
}

// TestGone checks that clients that are gone are not counted for long.
func TestGone(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "1h", "-max", "1h") // nothing is written that would tell
			const n = 8
			streams := make([]*sampletest.Stream, n)
			for i := range streams {
				path := "/stocks"
				if i%2 == 1 {
					path += "/controller"
				}
				streams[i] = sampletest.Open(t, p.URL+path)
			}
			if got, _ := sampletest.Stats(t, p.URL); got != n {
				t.Errorf("open streams: got %d, want %d", got, n)
			}
			for _, s := range streams {
				s.Cut()
			}
			took := sampletest.AwaitStreams(t, p.URL, 0)
			t.Logf("%d clients were gone from the stats after %v", n, took.Round(time.Millisecond))
			if took > time.Second {
				t.Errorf("clients that are gone: got them counted for %v, want less than 1s", took)
			}
		})
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "2ms", "-max", "4ms", "-history", "10")
			expect := func(url, last, reason string) []core.Event {
				t.Helper()
				events := sampletest.Open(t, url+"/stocks", "Last-Event-ID", last).Take(10)
				if ev := events[0]; ev.Name != core.ResetEvent || !strings.Contains(ev.Data, `"reason":"`+reason+`"`) {
					t.Errorf("after the ID %q: got %+v, want a reset that says %s", last, ev, reason)
				}
				contiguous(t, events[1:])
				return events[1:]
			}
			first := expect(p.URL, "nonsense", "unknown")[0].ID
			sampletest.Open(t, p.URL+"/stocks").Take(30)
			expect(p.URL, first, "trimmed")
			last := sampletest.Open(t, p.URL+"/stocks").Next().ID
			expect(sampletest.Start(t, framework, "-min", "2ms", "-max", "4ms").URL, last, "restarted")
		})
	}
}

func TestNonsense(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework, "-min", "5ms", "-max", "10ms")
			for _, path := range []string{"/stocks", "/root/stocks", "/stocks/once", "/stocks/controller"} {
				got := sampletest.Ask(t, http.MethodHead, p.URL+path)
				if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/event-stream" || got.Text != "" {
					t.Errorf("HEAD %s: got %s, %v, want the head of an event stream", path, got.Status, got.Header)
				}
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, "NONSENSE"} {
					if got := sampletest.Ask(t, method, p.URL+path); got.StatusCode < 400 || got.StatusCode >= 500 {
						t.Errorf("%s %s: got %s, want it refused", method, path, got.Status)
					}
				}
				if got := sampletest.Ask(t, http.MethodGet, p.URL+path, "Accept", "image/png"); got.StatusCode != http.StatusNotAcceptable {
					t.Errorf("GET %s of a picture: got %s, want 406", path, got.Status)
				}
			}
			for _, last := range []string{"%00", "\xff\xfe", "💥", "1-2-3", strings.Repeat("x", 3000), "18446744073709551616"} {
				resp, err := sampletest.Client(t).Do(sampletest.Request(t.Context(), t, http.MethodGet, p.URL+"/stocks", "Last-Event-ID", last))
				if err != nil {
					t.Errorf("last event ID %.20q: got error %v, want a response", last, err)
					continue
				}
				_ = resp.Body.Close()
				if resp.StatusCode >= 500 {
					t.Errorf("last event ID %.20q: got %s, want it served or refused", last, resp.Status)
				}
			}
			for _, text := range []string{"nonsense\r\n\r\n", "GET /stocks\r\n\r\n", "\x00\x16\x03\x01", "GET /stocks HTTP/1.1\r\n"} {
				conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Write([]byte(text)); err != nil {
					t.Errorf("writing %q: %v", text, err)
				}
				_ = conn.Close()
			}
			contiguous(t, sampletest.Open(t, p.URL+"/stocks").Take(5)) // still there
			sampletest.AwaitStreams(t, p.URL, 1)
		})
	}
}
