package main_test

import (
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
)

var soak = flag.Duration("soak", 2*time.Second, "how long TestSoak reads, 1m for the long one")

// TestSoak reads from both samples, a thousand events a second, through a proxy
// that cuts connections at random: no event is missed, and none comes twice.
func TestSoak(t *testing.T) {
	t.Parallel()
	for _, framework := range []string{"gin", "fiber"} {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			url := serve(t, framework, "-min", "1ms", "-max", "1ms", "-history", "100000")
			p := startProxy(t, strings.TrimPrefix(url, "http://"))
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			errs := 0
			c, err := client.New(client.Config{
				URL: "http://" + p.listener.Addr().String() + "/stocks", HTTPClient: &http.Client{Transport: transport},
				IdleTimeout: 5 * time.Second,
				Backoff:     client.Backoff{MaxDelay: 10 * time.Millisecond}, // the server asks for three seconds
				Handlers: client.Handlers{
					Named: map[string]func(client.Event){core.ResetEvent: func(ev client.Event) { t.Errorf("got a reset, %s, want no gap", ev.Data) }},
					Error: func(error) error { errs++; return nil },
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			var first, last uint64
			events := 0
			for ev, err := range c.Events(t.Context()) {
				if err != nil {
					t.Fatalf("after %d events: got error %v, want more", events, err)
				}
				at, ok := core.ParsePosition(ev.ID)
				if !ok || events > 0 && at.Seq != last+1 {
					t.Fatalf("event %d: got ID %q, want the one after %d", events, ev.ID, last)
				}
				if events++; events == 1 {
					first = at.Seq
				}
				last = at.Seq
				if time.Since(begin) > *soak {
					break
				}
			}
			t.Logf("%d events, %d to %d, on %d connections, in %v", events, first, last, errs+1, time.Since(begin).Round(time.Millisecond))
			if least := int(*soak / (10 * time.Millisecond)); events < least || errs < 3 {
				t.Errorf("got %d events and %d cuts, want %d and 3 at least", events, errs, least)
			}
		})
	}
}

// proxy stands between a client and a server, and cuts each connection after
// some bytes: in order, or by a reset, wherever that is in an event.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for conn := range p.conns {
			_ = conn.Close()
		}
		p.conns = nil
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns != nil {
		p.conns[conn] = struct{}{}
	}
	return p.conns != nil
}

func (p *proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

func (p *proxy) serve(from net.Conn) {
	defer p.forget(from)
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(to)
	if !p.keep(from) || !p.keep(to) {
		return
	}
	p.running.Go(func() { _, _ = io.Copy(to, from) })
	_, _ = io.CopyN(from, to, rand.Int64N(20_000)) // up to 200 events, the head, or less
	if tcp, ok := from.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
}
