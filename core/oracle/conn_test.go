package oracle_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
)

// conn is a client's side of one connection.
type conn struct {
	net.Conn

	body io.ReadCloser
}

// connect asks for a stream. The connection is nil if there is none.
func (c *client) connect() (*visit, *conn) {
	f := c.world
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &visit{client: c, after: c.next(), groupNames: c.groups, own: c.IntN(2) == 0}
	v.key = fmt.Sprintf("%d.%d", c.number, len(c.visits))
	v.since, v.sinceLife = c.began, c.rememberedLife
	c.visits = append(c.visits, v)
	f.visits.Store(v.key, v)
	f.visited.Add(1)
	v.started = f.model.now()
	defer func() {
		if v.opened == 0 {
			v.ended = f.model.now()
		}
	}()
	raw, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.Errorf("client %d: %v", c.number, err)
		return v, nil
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(16384)
	}
	open := &conn{Conn: raw}
	f.track(raw)
	if _, err = io.WriteString(raw, v.request()); err != nil {
		open.end(f, false)
		return v, nil
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(raw, 16<<c.IntN(9)), nil) //nolint:bodyclose // The end of the connection closes it.
	if err != nil {
		open.end(f, false)
		return v, nil
	}
	open.body = response.Body
	v.status = response.StatusCode
	if v.status != http.StatusOK {
		open.end(f, false)
		return v, nil
	}
	v.opened = f.model.now()
	v.expected = c.channels
	if life, _ := v.place(); c.remembered != nil && c.rememberedLife == life {
		v.expected = c.remembered
	}
	c.now = v
	return v, open
}

// request returns the request that the visit begins with.
func (v *visit) request() string {
	query := url.Values{"visit": {v.key}}
	header := ""
	switch {
	case v.after.id == "":
	case v.own:
		query.Set([]string{"lastEventId", "LASTEVENTID", "lastEventID"}[v.client.IntN(3)], v.after.id)
	default:
		header = "Last-Event-ID: " + v.after.id + "\r\n"
	}
	return "GET /events?" + query.Encode() + " HTTP/1.1\r\nHost: oracle\r\nAccept: text/event-stream\r\n" + header + "\r\n"
}

// end closes the connection, with a RST or a FIN.
func (k *conn) end(f *fixture, reset bool) {
	f.untrack(k.Conn)
	if tcp, ok := k.Conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = k.Close()
	if k.body != nil {
		_ = k.body.Close()
	}
}

// read reads from the connection until it ends, or the client cuts it. It
// reports whether the client has received everything.
func (c *client) read(v *visit, k *conn) (done bool) {
	f := c.world
	defer func() {
		c.mu.Lock()
		c.now = nil
		c.mu.Unlock()
	}()
	size, slow, fast := 1<<c.IntN(13), false, false
	buf := make([]byte, 1<<13)
	next := c.IntN(60)
	for {
		if slow {
			f.model.await(1)
		}
		n, err := k.body.Read(buf[:size])
		v.parse(buf[:n])
		if n > 0 {
			f.tick()
		}
		if err != nil {
			k.end(f, false)
			return false
		}
		// The client's ID may be that of an earlier connection, until the block
		// after the greeting was read.
		if len(v.items) > 3 && c.drained(v) {
			v.last = true
			k.end(f, c.IntN(2) == 0)
			return true
		}
		if f.final.Load() != nil {
			// From here on, it reads as fast as it can.
			if tcp, ok := k.Conn.(*net.TCPConn); ok && !fast {
				_ = tcp.SetReadBuffer(1 << 20)
			}
			size, slow, fast = len(buf), false, true
			continue
		}
		if len(v.items) < next {
			continue
		}
		next = len(v.items) + 1 + c.IntN(40)
		size, slow = 1<<c.IntN(13), false
		switch c.IntN(8) {
		case 0, 1, 2:
			v.cut = true
			f.cuts.Add(1)
			k.end(f, c.IntN(4) > 0)
			return false
		case 3, 4, 5:
			f.stalls.Add(1)
			f.tick()
			f.model.await(1 + c.IntN(100))
		case 6:
			size, slow = 64+c.IntN(1000), true
		}
	}
}

// parse splits what was read into blocks, and records the last event ID.
func (v *visit) parse(p []byte) {
	if len(p) == 0 {
		return
	}
	at := v.client.world.model.now()
	v.rest = append(v.rest, p...)
	for {
		block, rest, ok := bytes.Cut(v.rest, []byte("\n\n"))
		if !ok {
			return
		}
		block = slices.Concat(block, []byte("\n\n"))
		v.rest = rest
		v.items = append(v.items, item{at, block})
		if id, ok := idOf(block); ok {
			v.client.seen = id
		}
	}
}

// idOf returns the ID in a block, which is its last line.
func idOf(block []byte) (string, bool) {
	lines := bytes.Split(bytes.TrimSuffix(block, []byte("\n\n")), []byte("\n"))
	id, ok := bytes.CutPrefix(lines[len(lines)-1], []byte("id: "))
	return string(id), ok
}
