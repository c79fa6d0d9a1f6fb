package core

import (
	"errors"
	"net"
	"net/http"
	"sync"
)

// shutdown ends the streams of one server when the server shuts down, so that
// its Shutdown need not wait for them.
type shutdown struct {
	mu      sync.Mutex
	begun   bool
	streams map[*Stream]struct{} // nil once begun
	idle    chan struct{}        // closed with the last stream, which ends wait; nil for an http.Server
}

func (d *shutdown) begin() {
	d.mu.Lock()
	d.begun = true
	streams := d.streams
	d.streams = nil
	d.mu.Unlock()
	for s := range streams {
		s.shutDown()
	}
}

// shutDown ends the stream because its server shuts down. The hub sends its
// subscribers a farewell first; a handler that must finish needs a [Hub.Drain]
// before.
func (s *Stream) shutDown() {
	s.announceDrain()
	if s.driver() != stateSubscribed {
		s.end(ErrDraining)
	}
}

// onShutdown ends the stream when its server shuts down, unless stop is called
// before.
func (g *Gate) onShutdown(r Request, s *Stream) (stop func()) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server != nil {
		d := g.shutdownOf(server)
		d.add(s)
		return func() { d.remove(s) }
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.ServerDone != nil {
		done := r.ServerDone // so that stop does not keep the request
		d := g.others[done]
		if d == nil {
			d = &shutdown{streams: make(map[*Stream]struct{}), idle: make(chan struct{})}
			if g.others == nil {
				g.others = make(map[<-chan struct{}]*shutdown)
			}
			g.others[done] = d
			go d.wait(done)
		}
		d.add(s)
		return func() { g.leaveServer(done, d, s) }
	}
	return func() {}
}

// shutdownOf returns the shutdown of a server, and makes it on first use.
func (g *Gate) shutdownOf(server *http.Server) *shutdown {
	g.mu.Lock()
	d := g.servers[server]
	known := d != nil
	if !known {
		d = &shutdown{streams: make(map[*Stream]struct{})}
		if g.servers == nil {
			g.servers = make(map[*http.Server]*shutdown)
		}
		g.servers[server] = d
		server.RegisterOnShutdown(d.begin)
	}
	g.mu.Unlock()
	// A function that is registered after Shutdown has begun is not called.
	if !known && shuttingDown(server) {
		d.begin()
	}
	return d
}

// shuttingDown reports whether a server's Shutdown or Close has been called. In
// that case Serve says so before it looks at the listener.
func shuttingDown(server *http.Server) (yes bool) {
	defer func() { _ = recover() }() // the server's BaseContext is user code
	return errors.Is(server.Serve(noListener{}), http.ErrServerClosed)
}

// noListener is a listener without connections.
type noListener struct{}

var _ net.Listener = noListener{}

// Accept implements [net.Listener].
func (noListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements [net.Listener].
func (noListener) Close() error { return nil }

// Addr implements [net.Listener].
func (noListener) Addr() net.Addr { return &net.TCPAddr{} }

// wait begins the shutdown when done is closed, and returns when idle is.
func (d *shutdown) wait(done <-chan struct{}) {
	select {
	case <-done:
		d.begin()
	case <-d.idle:
	}
}

// leaveServer removes a stream from a server's shutdown, and ends the watch
// with the last stream.
func (g *Gate) leaveServer(done <-chan struct{}, d *shutdown, s *Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.remove(s) && g.others[done] == d {
		delete(g.others, done)
		close(d.idle)
	}
}

func (d *shutdown) add(s *Stream) {
	d.mu.Lock()
	begun := d.begun
	if !begun {
		d.streams[s] = struct{}{}
	}
	d.mu.Unlock()
	if begun {
		s.shutDown()
	}
}

// remove removes a stream, and reports whether it was the last one.
func (d *shutdown) remove(s *Stream) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.streams, s)
	return len(d.streams) == 0
}
