package stocks_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a browser and a program, and cuts connections.
type proxy struct {
	url     string
	running sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  map[net.Conn]struct{}
	closed bool
}

// startProxy starts a proxy to the program at a URL. It ends with the test.
func startProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + l.Addr().String(), conns: make(map[net.Conn]struct{})}
	p.point(url)
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
		p.cut()
		p.running.Wait()
	})
	return p
}

// serve passes on what comes, both ways, until one side ends.
func (p *proxy) serve(from net.Conn) {
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
	_, _ = io.Copy(from, to)
}

// point has new connections go to the program at a URL.
func (p *proxy) point(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
}

func (p *proxy) keep(conn net.Conn) (target string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return p.target, !p.closed
}

func (p *proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}
