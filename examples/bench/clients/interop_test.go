package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	contribsse "github.com/gin-contrib/sse"
	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// server is a server of one library, as its documentation shows it.
type server struct {
	handler http.Handler // nil if it listens by itself, at url
	url     string
	publish func(event)
	close   func()
}

// event is an event of any library.
type event struct{ id, name, data string }

var _ eventsource.Event = event{}

// Id implements [eventsource.Event].
//
//nolint:revive // The interface spells it so.
func (e event) Id() string { return e.id }

// Event implements [eventsource.Event].
func (e event) Event() string { return e.name }

// Data implements [eventsource.Event].
func (e event) Data() string { return e.data }

func tidingsInGin(t *testing.T) server {
	t.Helper()
	hub := core.NewHub(core.HubConfig{})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", ginsse.Subscribe(hub, "x"))
	return server{handler: r, publish: publishTo(t, hub), close: func() { _ = hub.Close() }}
}

func tidingsInFiber(t *testing.T) server {
	t.Helper()
	hub := core.NewHub(core.HubConfig{})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", fibersse.Subscribe(hub, "x"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(l) }()
	return server{url: "http://" + l.Addr().String(), publish: publishTo(t, hub), close: func() {
		_ = hub.Close()
		_ = app.Shutdown()
	}}
}

func publishTo(t *testing.T, hub *core.Hub) func(event) {
	t.Helper()
	return func(e event) {
		if _, err := hub.Publish(t.Context(), "x", core.Event{Name: e.name, Data: e.data}); err != nil {
			t.Error(err)
		}
	}
}

func ofR3labs(t *testing.T) server {
	t.Helper()
	s := r3labs.New()
	s.AutoReplay, s.SplitData = true, true
	s.CreateStream("x")
	return server{handler: s, publish: func(e event) {
		s.Publish("x", &r3labs.Event{Event: []byte(e.name), Data: []byte(e.data)}) // it numbers them itself
	}, close: s.Close}
}

func ofGoSSE(t *testing.T) server {
	t.Helper()
	replayer, err := gosse.NewFiniteReplayer(1000, true)
	if err != nil {
		t.Fatal(err)
	}
	s := &gosse.Server{Provider: &gosse.Joe{Replayer: replayer}}
	return server{handler: s, publish: func(e event) {
		m := &gosse.Message{Type: gosse.Type(e.name)}
		m.AppendData(e.data)
		if err := s.Publish(m); err != nil {
			t.Error(err)
		}
	}, close: func() { _ = s.Shutdown(context.Background()) }}
}

func ofLaunchdarkly(t *testing.T) server {
	t.Helper()
	s := eventsource.NewServer()
	events := eventsource.NewSliceRepository()
	s.Register("x", events)
	return server{handler: s.Handler("x"), publish: func(e event) {
		events.Add("x", e)
		s.Publish([]string{"x"}, e)
	}, close: s.Close}
}

// ofGinContrib uses an encoder only. The handler itself resumes: it looks the
// last event ID up in a list.
func ofGinContrib(t *testing.T) server {
	t.Helper()
	var mu sync.Mutex
	var events []event
	more, done := make(chan struct{}), make(chan struct{})
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contribsse.ContentType)
		_ = http.NewResponseController(w).Flush()
		last := r.Header.Get("Last-Event-ID")
		for {
			mu.Lock()
			now, wait := events, more
			mu.Unlock()
			for _, e := range now {
				if e.id > last {
					if err := contribsse.Encode(w, contribsse.Event{Id: e.id, Event: e.name, Data: e.data}); err != nil {
						return
					}
					last = e.id
				}
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-wait:
			case <-done:
				return
			case <-r.Context().Done():
				return
			}
		}
	}
	return server{handler: http.HandlerFunc(h), publish: func(e event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		close(more)
		more = make(chan struct{})
	}, close: sync.OnceFunc(func() { close(done) })}
}

// seen is what a client saw of a server.
type seen struct {
	headAtOnce bool
	numbers    []string // of the events, in order
	ids        bool     // all of them had one, and no two the same one
}

// TestInterop reads from servers that others wrote, through a cut connection:
// the table in the client's documentation says what came of it.
func TestInterop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		start      func(*testing.T) server
		headAtOnce bool
		want       string // the numbers of the events
	}{
		{"tidings in Gin", tidingsInGin, true, "1 2 3 4 5 6 7"},
		{"tidings in Fiber", tidingsInFiber, true, "1 2 3 4 5 6 7"},
		{"r3labs", ofR3labs, true, "1 2 3 3 4 5 6 7"},
		{"go-sse", ofGoSSE, false, "1 2 3 4 5 6 7"},
		{"launchdarkly", ofLaunchdarkly, true, "1 2 3 3 4 5 6 7"},
		{"gin-contrib", ofGinContrib, true, "1 2 3 4 5 6 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, tt.start(t))
			if numbers := strings.Join(got.numbers, " "); numbers != tt.want {
				t.Errorf("events: got %s, want %s", numbers, tt.want)
			}
			if got.headAtOnce != tt.headAtOnce {
				t.Errorf("head before the first event: got %t, want %t", got.headAtOnce, tt.headAtOnce)
			}
			if !got.ids {
				t.Error("IDs: got one missing or twice, want one for each event")
			}
		})
	}
}

// read has a server publish 1 to 3, cuts the connection, has it publish 4 to 6
// before the client comes back, and 7 when it has those.
func read(t *testing.T, s server) seen {
	t.Helper()
	url := s.url
	if url == "" {
		front := httptest.NewServer(s.handler)
		url = front.URL
		t.Cleanup(front.Close)
		t.Cleanup(front.CloseClientConnections)
	}
	t.Cleanup(s.close)
	var wires conns
	transport := &http.Transport{DialContext: wires.dial}
	t.Cleanup(transport.CloseIdleConnections)
	number := 0
	publish := func(n int) {
		number++
		s.publish(event{fmt.Sprintf("%04d", number), "tick", fmt.Sprintf("%d\nsecond line: größer", n)})
	}
	opened := make(chan struct{})
	open := sync.OnceFunc(func() { close(opened) })
	c, err := client.New(client.Config{
		URL: url + "/?stream=x", HTTPClient: &http.Client{Transport: transport},
		Backoff: client.Backoff{MaxDelay: time.Millisecond},
		Handlers: client.Handlers{
			Open: func(http.Header) { open() },
			Reconnect: func(client.Reconnect) {
				for n := range 3 {
					publish(4 + n)
				}
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got seen
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		select {
		case <-opened:
			got.headAtOnce = true
		case <-time.After(time.Second):
		}
		for again := time.NewTicker(10 * time.Millisecond); ; <-again.C {
			publish(0) // until the client is subscribed
			select {
			case <-opened:
				again.Stop()
				publish(1)
				return
			default:
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ids := make(map[string]string)
	got.ids = true
	for ev, err := range c.Events(ctx) {
		if err != nil {
			t.Fatalf("after %v: got error %v, want more events", got.numbers, err)
		}
		n, more, _ := strings.Cut(ev.Data, "\n")
		if ev.Name != "tick" || more != "second line: größer" {
			t.Errorf("got event %q with data %q, want what was published", ev.Name, ev.Data)
		}
		if n == "0" {
			continue
		}
		if len(got.numbers) == 0 {
			<-begun // from here on this goroutine publishes
		}
		got.numbers = append(got.numbers, n)
		if was, twice := ids[ev.ID]; ev.ID == "" || twice && was != n {
			got.ids = false
		}
		ids[ev.ID] = n
		switch {
		case n < "3" && len(got.numbers) < 3:
			publish(len(got.numbers) + 1)
		case n == "3" && len(got.numbers) == 3:
			wires.cut()
		case n == "6":
			publish(7)
		case n == "7":
			return got
		}
	}
	return got
}

// conns are the connections of a client.
type conns struct {
	mu  sync.Mutex
	all []net.Conn
}

func (w *conns) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, errors.Join(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, conn)
	return conn, nil
}

func (w *conns) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.all {
		_ = conn.Close()
	}
	w.all = nil
}
