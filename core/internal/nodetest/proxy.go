package nodetest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy passes connections on to a server.
type Proxy struct {
	listener net.Listener
	busy     sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // closed by Freeze
	end    chan struct{}
}

// NewProxy returns a proxy before a server, on a port of the loopback interface. The
// server's address is the path of a Unix socket, or a host and a port. The proxy
// ends with the test.
func NewProxy(tb testing.TB, server string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: listener, frozen: make(chan struct{}), end: make(chan struct{})}
	p.busy.Go(func() { p.accept(server) })
	tb.Cleanup(func() {
		close(p.end)
		_ = listener.Close()
		p.Cut()
		p.busy.Wait()
	})
	return p
}

// Addr returns the address of the proxy, with its port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

func (p *Proxy) accept(server string) {
	network := "tcp"
	if strings.Contains(server, "/") {
		network = "unix"
	}
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial(network, server)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		frozen := p.frozen
		p.mu.Unlock()
		p.busy.Go(func() { p.pass(out, in, frozen) })
		p.busy.Go(func() { p.pass(in, out, frozen) })
	}
}

// pass copies until the connection is frozen. Then it holds it open.
func (p *Proxy) pass(to io.WriteCloser, from io.Reader, frozen chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-frozen:
			<-p.end
			return
		default:
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			_ = to.Close()
			return
		}
	}
}

// Freeze makes all connections silent. New ones work.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = make(chan struct{})
}

// Cut closes all connections. New ones work.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}
