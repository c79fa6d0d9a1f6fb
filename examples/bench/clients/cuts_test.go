package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	gosse "github.com/tmaxmax/go-sse"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// cuts is how many connections are cut within an event.
const cuts = 500

// TestCuts has go-sse read through connections that are cut within events. It
// takes the end of a body for the end of an event: what it hands out is whole,
// and resumes where it should, only if a body that is cut does not look
// complete.
func TestCuts(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*testing.T, *core.Hub, core.GateConfig) string{
		"Gin": serveGin, "Fiber": serveFiber,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := core.NewHub(core.HubConfig{})
			t.Cleanup(func() { _ = hub.Close() })
			upstream := serve(t, hub, core.GateConfig{Conn: core.OwnedConn, Start: core.Earliest(), Retry: -1})
			readThroughCuts(t, hub, newCutter(t, upstream))
		})
	}
}

func serveGin(t *testing.T, hub *core.Hub, cfg core.GateConfig) string {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", ginsse.New(hub, cfg).Subscribe("x"))
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func serveFiber(t *testing.T, hub *core.Hub, cfg core.GateConfig) string {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", fibersse.New(hub, cfg).Subscribe("x"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.Shutdown() })
	return l.Addr().String()
}

// ahead is how many events are published before the client has any.
const ahead = 8

// numbered returns the data of the n-th event. Each line has its number.
func numbered(n int) string {
	line := fmt.Sprintf("%d %s", n, strings.Repeat("x", 30))
	return line + "\n" + line + "\n" + line + " end"
}

// tally counts what a client hands out.
type tally struct {
	whole, half int
	astray      int // whole events that are not next in order
	last        int // the number of the last whole event
	stops       int // ends of streams after which the client did not reconnect
}

// count counts an event, and reports whether it is whole.
func (y *tally) count(ev gosse.Event) bool {
	n := 0
	_, _ = fmt.Sscanf(ev.Data, "%d ", &n)
	switch {
	case ev.Type == "" && ev.Data == "": // a position
		return false
	case ev.Type != "tick" || ev.Data != numbered(n):
		y.half++
		return false
	}
	y.whole++
	if n != y.last+1 {
		y.astray++
	}
	y.last = n
	return true
}

// readThroughCuts checks what the client hands out until all cuts are made and
// an event has come through after them.
func readThroughCuts(t *testing.T, hub *core.Hub, c *cutter) {
	t.Helper()
	published := 0
	publish := func() {
		published++
		if _, err := hub.Publish(context.Background(), "x", core.Event{Name: "tick", Data: numbered(published)}); err != nil {
			t.Error(err)
		}
	}
	for range ahead {
		publish()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got tally
	err := connect(ctx, t, c.addr, &got, func(ev gosse.Event) {
		publish() // some events come from the history, others as they are published
		if whole := got.count(ev); whole && c.made.Load() == cuts {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after %d cuts: got %v, want the client to go on", c.made.Load(), err)
	}
	if got.half != 0 || got.astray != 0 || got.stops != 0 || got.whole < cuts/4 {
		t.Errorf("through %d cuts: got %+v, want whole events in order only", c.made.Load(), got)
	}
}

// connect has go-sse read until ctx ends, and returns why it stopped.
func connect(ctx context.Context, t *testing.T, addr string, got *tally, take gosse.EventCallback) error {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	conn := (&gosse.Client{
		HTTPClient: &http.Client{Transport: transport},
		Backoff:    gosse.Backoff{InitialInterval: time.Millisecond, Multiplier: 1},
	}).NewConnection(req)
	conn.SubscribeToAll(take)
	for err = conn.Connect(); err == nil; err = conn.Connect() {
		got.stops++ // it takes the stream for finished
	}
	return err
}

// cutter passes connections on to a server, and cuts them within events: every
// second one behind a line.
type cutter struct {
	addr, upstream string
	made           atomic.Int64 // cuts, so far
	random         *rand.Rand   // used by one connection at a time
}

// newCutter starts a cutter, which ends with the test.
func newCutter(t *testing.T, upstream string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String(), upstream: upstream, random: rand.New(rand.NewPCG(1, 2))}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			// The client has one connection at a time.
			if err := c.pass(conn); err != nil {
				t.Logf("cutter: %v", err)
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return c
}

// pass passes one connection on until it is cut, by itself or by an end.
func (c *cutter) pass(client net.Conn) error {
	defer client.Close() //nolint:errcheck // It is cut.
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	var requests sync.WaitGroup
	requests.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close() // the client has left
	})
	defer requests.Wait()
	defer client.Close() //nolint:errcheck // It ends the copying.
	response := bufio.NewReader(server)
	if err = passHead(client, response); err != nil {
		return err
	}
	made := c.made.Load()
	if made == cuts {
		_, _ = io.Copy(client, response) // until the client leaves
		return nil
	}
	var sent bytes.Buffer
	body := io.TeeReader(response, &sent)
	for size := 1 + c.random.Int64N(500); ; size = 1 {
		if _, err := io.CopyN(client, body, size); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		if withinEvent(sent.Bytes(), made%2 == 0) {
			break
		}
	}
	c.made.Add(1)
	if made%8 < 2 {
		if tcp, ok := client.(*net.TCPConn); ok {
			return tcp.SetLinger(0) // the end of the connection is an RST, no FIN
		}
	}
	return nil
}

// passHead passes the head of a response on.
func passHead(client io.Writer, response *bufio.Reader) error {
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = response.ReadString('\n'); err != nil {
			return fmt.Errorf("head: %w", err)
		}
		if _, err = io.WriteString(client, line); err != nil {
			return fmt.Errorf("head: %w", err)
		}
	}
	return nil
}

// withinEvent reports whether a body that ends here ends within an event, and, if
// asked to, behind a line of it: there, a client cannot see that more lines are
// missing.
func withinEvent(body []byte, behindLine bool) bool {
	begin := bytes.LastIndex(body, []byte("\n\n")) + 1
	fields := bytes.Contains(body[begin:], []byte(":")) // else it is a chunk's size
	return fields && (!behindLine || bytes.HasSuffix(body, []byte("\n")))
}
