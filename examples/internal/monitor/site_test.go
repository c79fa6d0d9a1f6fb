package monitor_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var streams = flag.Int("streams", 500, "open so many streams; 5,000 need 10,000 open files")

// rooms is how many channels there are besides those of the slow clients.
const rooms = 20

// site is an app with many streams and a monitor.
type site struct {
	t    *testing.T
	hub  *core.Hub
	url  string
	addr string
	wg   sync.WaitGroup // clients and publishers
}

// newSite serves an app of so many streams, of which some read slowly.
func newSite(t *testing.T, count, slow int) *site {
	t.Helper()
	s := &site{t: t, hub: core.NewHub(core.HubConfig{
		Channels: []core.ChannelConfig{{Pattern: "video/*", Slow: core.Skip}, {Pattern: "status", Slow: core.Evict}},
	})}
	gate := core.NewGate(s.hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity(h.Request().URL.Query().Get("user"))
		return nil
	}}})
	mux := http.NewServeMux()
	mux.Handle("GET /events", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: strings.Split(h.Request().URL.Query().Get("channels"), ",")}, nil
	}))
	mux.Handle("/monitor/", monitor.Handler(s.hub, nil))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ConnContext = core.ConnContext
	server.Start()
	s.url, s.addr = server.URL, server.Listener.Addr().String()
	t.Cleanup(func() {
		_ = s.hub.Close()
		server.Close()
		s.wg.Wait()
	})
	for i := range count {
		s.connect(fmt.Sprintf("channels=room/%02d,status&user=user-%04d@example.com", i*i%97%rooms, i), true)
	}
	for i := range slow {
		s.connect(fmt.Sprintf("channels=video/camera-%d&user=tablet-%d", i%3, i), false)
	}
	return s
}

// connect opens a stream. Its client reads what comes, or less.
func (s *site) connect(query string, reads bool) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if !reads {
		_ = c.(*net.TCPConn).SetReadBuffer(4096) //nolint:forcetypeassert,errcheck // It is TCP.
	}
	if _, err = fmt.Fprintf(c, "GET /events?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query); err != nil {
		s.t.Fatal(err)
	}
	status, err := bufio.NewReaderSize(io.LimitReader(c, 15), 16).ReadString(' ')
	if err != nil || status != "HTTP/1.1 " {
		s.t.Fatalf("got %q and error %v, want a stream", status, err)
	}
	s.wg.Go(func() {
		for buf := make([]byte, 4096); err == nil; {
			_, err = c.Read(buf)
			if !reads {
				wait(50 * time.Millisecond)
			}
		}
	})
}

// publish publishes to a channel, until the test ends.
func (s *site) publish(every time.Duration, event func() (channel, data string)) {
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	s.wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			channel, data := event()
			_, err := s.hub.Publish(ctx, channel, core.Event{Name: "update", Data: data})
			if err != nil && ctx.Err() == nil && !errors.Is(err, core.ErrHubClosed) {
				s.t.Errorf("Publish: %v", err)
			}
		}
	})
}

// chat is an event of some room.
func chat() (channel, data string) {
	return fmt.Sprintf("room/%02d", rand.IntN(rooms)), fmt.Sprintf(`{"from":"user-%04d","text":"hello number %d"}`, rand.IntN(5000), rand.IntN(1000))
}

// video is a large event of some camera.
func video() (channel, data string) {
	return fmt.Sprintf("video/camera-%d", rand.IntN(3)), strings.Repeat("x", 30_000)
}
