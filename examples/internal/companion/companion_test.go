package companion_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/browser"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//go:embed testdata/page.html
var html []byte

// site is a server of a page and of a stream of numbers.
type site struct {
	t   *testing.T
	hub *core.Hub
	url string

	asked   atomic.Int64 // requests for the stream
	next    atomic.Int64 // number that is published next
	answers atomic.Pointer[http.HandlerFunc]
	stream  http.Handler

	ownIDs    bool        // events have IDs that tell nothing of the position
	evenNamed bool        // events of even numbers have the name even
	reports   chan string // queries of requests for /report
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, reports: make(chan string, 100), hub: core.NewHub(core.HubConfig{
		Store: core.NewMemoryStore(core.Retention{Events: 1 << 17, Bytes: -1}),
	})}
	s.next.Store(1)
	s.stream = core.NewGate(s.hub, core.GateConfig{Retry: 50 * time.Millisecond}).Subscribe("numbers")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html)
	})
	mux.Handle("GET /tidings.js", browser.Handler())
	mux.HandleFunc("GET /state", s.state)
	mux.HandleFunc("GET /report", func(_ http.ResponseWriter, r *http.Request) { s.reports <- r.URL.RawQuery })
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if answer := s.answers.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		s.stream.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	s.url = server.URL
	t.Cleanup(func() {
		_ = s.hub.Close()
		server.Close()
	})
	return s
}

// state answers with the last number that was published, and with what follows
// it.
func (s *site) state(w http.ResponseWriter, r *http.Request) {
	if answer := s.answers.Load(); answer != nil {
		(*answer)(w, r)
		return
	}
	state, err := core.LoadState(r.Context(), s.hub, func(context.Context) (int64, error) { return s.next.Load() - 1, nil })
	if err == nil {
		err = json.NewEncoder(w).Encode(state)
	}
	if err != nil {
		s.t.Errorf("state: %v", err)
	}
}

// answer has requests for the stream answered otherwise, or not any more.
func (s *site) answer(with http.HandlerFunc) {
	if with == nil {
		s.answers.Store(nil)
		return
	}
	s.answers.Store(&with)
}

// cut ends all streams without a farewell.
func (s *site) cut() { s.hub.CloseChannel("numbers", nil) }

// publish publishes the next n numbers, and returns the last one.
func (s *site) publish(n int) int64 {
	for range n {
		number := strconv.FormatInt(s.next.Add(1)-1, 10) // the state has it first
		ev := core.Event{Data: number}
		if s.evenNamed && number[len(number)-1]%2 == 0 {
			ev.Name = "even"
		}
		if s.ownIDs {
			ev.ID = "row " + number
		}
		if _, err := s.hub.Publish(context.Background(), "numbers", ev); err != nil {
			s.t.Errorf("Publish: %v", err)
		}
	}
	return s.next.Load() - 1
}

// flow publishes numbers, some 500 a second, until stop is called, which
// returns the last one.
func (s *site) flow() (stop func() (last int64)) {
	stopped := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			s.publish(1)
			select {
			case <-stopped:
				return
			case <-ticker.C:
			}
		}
	})
	stop = sync.OnceValue(func() int64 {
		close(stopped)
		publisher.Wait()
		return s.next.Load() - 1
	})
	s.t.Cleanup(func() { stop() })
	return stop
}

// awaitStreams waits until so many streams are open.
func (s *site) awaitStreams(want int) {
	s.t.Helper()
	end := time.Now().Add(sampletest.Patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for s.hub.Stats().Streams != want {
		if time.Now().After(end) {
			s.t.Fatalf("open streams: got %d, want %d", s.hub.Stats().Streams, want)
		}
		<-ticker.C
	}
}

// tab is a tab with a source.
type tab struct {
	*sampletest.Browser
	t    *testing.T
	shut func()
}

// open opens the page in a browser's tab.
func (s *site) open(b *sampletest.Browser, shut func()) *tab {
	s.t.Helper()
	p := &tab{b, s.t, shut}
	p.Do(chromedp.Navigate(s.url))
	p.Await("window.ready")
	return p
}

// first opens the page in a browser of its own.
func (s *site) first() *tab {
	s.t.Helper()
	return s.open(sampletest.NewBrowserFor(s.t, 6*sampletest.Patience), nil)
}

// more opens the page in another tab of the browser.
func (s *site) more(p *tab, ownWindow bool) *tab {
	s.t.Helper()
	return s.open(p.Tab(ownWindow))
}

// follow opens a source in the page.
func (p *tab) follow(format string, args ...any) {
	p.t.Helper()
	p.Do(chromedp.Evaluate[chromedp.Void]("follow(" + fmt.Sprintf(format, args...) + ")"))
}

// through waits until the page has got a number, and checks that none was lost
// and none came twice.
func (p *tab) through(last int64) {
	p.t.Helper()
	p.Await(fmt.Sprintf("s.last >= %d || s.lost + s.twice + s.resets > 0", last))
	p.whole(last)
}

func (p *tab) whole(last int64) {
	p.t.Helper()
	got := sampletest.Value[struct{ Last, First, Lost, Twice, Resets int64 }](p.Browser, "s")
	if got.Last < last || got.Lost != 0 || got.Twice != 0 || got.Resets != 0 {
		p.t.Fatalf("the numbers: got %+v, want %d, none lost and none twice; states %s", got, last, p.states())
	}
}

// states returns what the source has told, in JSON.
func (p *tab) states() string {
	p.t.Helper()
	return sampletest.Value[string](p.Browser, "JSON.stringify(s.states.slice(-40))")
}

// role waits until the source has a role, and is open.
func (p *tab) role(want string) {
	p.t.Helper()
	p.Await(fmt.Sprintf("source.role === %q && source.state === 'open'", want))
}
