package core

import (
	"errors"
	"net"
	"net/http"
)

// shutdown ends the streams of one server when the server shuts down, so that
// its Shutdown need not wait for them. Gate.mu guards it.
type shutdown struct {
	streams map[*Stream]struct{} // nil once it has begun
	idle    chan struct{}        // closed with the last stream, which ends wait; nil for an http.Server
}

// onShutdown ends the stream when its server shuts down, unless stop is called
// before.
func (g *Gate) onShutdown(r Request, s *Stream) (stop func()) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	done := r.ServerDone // so that stop does not keep the request
	switch {
	case server != nil:
		d, first := g.join(server, s)
		if first {
			server.RegisterOnShutdown(func() { g.begin(d) })
		}
		// A function that is registered after Shutdown has begun is not called.
		if first && shuttingDown(server) {
			g.begin(d)
		}
		return func() { g.leave(server, d, s) }
	case done != nil:
		d, first := g.join(done, s)
		if first {
			go g.wait(d, done)
		}
		return func() { g.leave(done, d, s) }
	}
	return func() {}
}

// join adds a stream to the shutdown of a server, which is an [http.Server] or
// a channel that the server closes. first reports whether join has made the
// shutdown. If the shutdown has begun, join ends the stream.
func (g *Gate) join(server any, s *Stream) (d *shutdown, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d = g.shutdowns[server]
	if first = d == nil; first {
		d = &shutdown{streams: make(map[*Stream]struct{})}
		if _, hooks := server.(*http.Server); !hooks {
			d.idle = make(chan struct{})
		}
		g.shutdowns[server] = d
	}
	if d.streams == nil {
		s.shutDown()
	} else {
		d.streams[s] = struct{}{}
	}
	return d, first
}

// leave removes a stream from a server's shutdown, and ends wait with the last
// stream.
func (g *Gate) leave(server any, d *shutdown, s *Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(d.streams, s)
	if d.idle != nil && len(d.streams) == 0 && g.shutdowns[server] == d {
		delete(g.shutdowns, server)
		close(d.idle)
	}
}

// begin ends the streams of a server that shuts down.
func (g *Gate) begin(d *shutdown) {
	g.mu.Lock()
	streams := d.streams
	d.streams = nil
	g.mu.Unlock()
	for s := range streams {
		s.shutDown()
	}
}

// wait begins the shutdown when done is closed, and returns when idle is.
func (g *Gate) wait(d *shutdown, done <-chan struct{}) {
	select {
	case <-done:
		g.begin(d)
	case <-d.idle:
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
