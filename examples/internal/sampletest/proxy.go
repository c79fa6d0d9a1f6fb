package sampletest

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between a browser and a program, and cuts connections.
type Proxy struct {
	// URL is where it listens, without a slash at its end.
	URL string

	most    int64 // if positive, connections are cut within so many bytes
	running sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  map[net.Conn]struct{}
	closed bool
}

// StartProxy starts a proxy to the program at a URL. It ends with the test.
func StartProxy(t *testing.T, url string) *Proxy {
	t.Helper()
	return startProxy(t, url, 0)
}

// StartCuttingProxy starts a proxy that cuts each connection after some bytes
// from the program, fewer than most: in order, or by a reset, wherever that is
// in an event or in the head.
func StartCuttingProxy(t *testing.T, url string, most int64) *Proxy {
	t.Helper()
	return startProxy(t, url, most)
}

func startProxy(t *testing.T, url string, most int64) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{URL: "http://" + l.Addr().String(), most: most, conns: make(map[net.Conn]struct{})}
	p.Point(url)
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
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// serve passes on what comes, both ways, until one side ends.
func (p *Proxy) serve(from net.Conn) {
	defer p.forget(from)
	target, ok := p.keep(from)
	if !ok {
		return
	}
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer p.forget(to)
	if _, ok := p.keep(to); !ok {
		return
	}
	p.running.Go(func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	})
	if p.most <= 0 {
		_, _ = io.Copy(from, to)
		return
	}
	_, _ = io.CopyN(from, to, rand.Int64N(p.most))
	if tcp, ok := from.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
}

// Point has new connections go to the program at a URL.
func (p *Proxy) Point(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
}

func (p *Proxy) keep(conn net.Conn) (target string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return p.target, !p.closed
}

func (p *Proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}
