package natstest

import (
	"context"
	"io"
	"net"
	"sync"
)

// Proxy passes connections on to a server, as long as it is not told otherwise.
type Proxy struct {
	listener net.Listener
	address  string
	busy     sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // closed by Freeze
	end    chan struct{}
}

// NewProxy returns a proxy to the server.
func NewProxy(s *Server) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, address: s.URL()[len("nats://"):], frozen: make(chan struct{}), end: make(chan struct{})}
	p.busy.Go(p.accept)
	return p, nil
}

func (p *Proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.address)
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
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-frozen:
			<-p.end
			return
		default:
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
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

// Close ends the proxy.
func (p *Proxy) Close() {
	close(p.end)
	_ = p.listener.Close()
	p.Cut()
	p.busy.Wait()
}

// URL returns the proxy's address.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }
