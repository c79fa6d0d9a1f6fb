//nolint:gosec // Chance is no secret here.
package adaptertest

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
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// soakClient is one client of a soak. It understands no more of what it reads
// than it must: there are many on one machine.
type soakClient struct {
	*soaking

	in, body *bufio.Reader

	id    string // of the last event, or of where the stream began
	seq   uint64 // of the same
	data  bool   // of the event that is being read has come
	last  bool   // it is the soak's last one, or that has come already
	ended func() // says that it has
	left  int    // events until the next cut
}

// client stays until the server takes its leave after the last event.
func (s *soaking) client(ctx context.Context) error {
	c := &soakClient{soaking: s, in: bufio.NewReaderSize(nil, 512), body: bufio.NewReaderSize(nil, 512), ended: sync.OnceFunc(s.behind.Done)}
	defer c.ended()
	for {
		cut, err := c.visit(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("client after %q: %w", c.id, err)
		case cut:
			c.cuts.Add(1)
		case c.last:
			return nil
		default:
			c.ends.Add(1)
		}
		if rand.IntN(4) == 0 {
			pause(ctx, rand.N(time.Second)) // longer than the ring
		}
	}
}

// visit reads a stream until the server ends it, or until the client cuts it.
func (c *soakClient) visit(ctx context.Context) (cut bool, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", c.b.addr)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	header := ""
	if c.id != "" {
		header = "Last-Event-ID: " + c.id + "\r\n"
	}
	if _, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example\r\n"+header+"\r\n"); err != nil {
		return false, err
	}
	c.in.Reset(conn)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status: %s", resp.Status)
	}
	c.body.Reset(resp.Body)
	c.left, c.data, c.last = 1+rand.IntN(2*c.between), false, false
	for !cut && err == nil {
		cut, err = c.line()
	}
	if tcp, ok := conn.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0) // a cut is a reset
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	// The body's Close would read the rest of it.
	_ = conn.Close()
	return cut, err
}

// line reads a line, and reports whether it is time to cut the connection.
func (c *soakClient) line() (cut bool, err error) {
	line, err := c.body.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	name, value, _ := bytes.Cut(line[:len(line)-1], []byte(": "))
	switch string(name) {
	case "event":
		if string(value) == core.ResetEvent {
			return false, errors.New("got a reset, want no gap")
		}
		c.last = string(value) == lastEvent
	case "data":
		c.data = true
	case "id":
		return c.event(string(value))
	}
	return false, nil
}

// event takes note of an ID: its line is an event's last one.
func (c *soakClient) event(id string) (cut bool, err error) {
	at, ok := core.ParsePosition(id)
	data := c.data
	c.data = false
	switch {
	case !ok:
		return false, fmt.Errorf("id %q: not a position", id)
	case c.id == "" && !data: // where the stream begins
	case !data && at.Seq == c.seq: // the same, told again
		return false, nil
	case at.Seq != c.seq+1:
		return false, fmt.Errorf("event %d, with data %t: got it after %d", at.Seq, data, c.seq)
	}
	c.id, c.seq = id, at.Seq
	if !data {
		return false, nil
	}
	c.received.Add(1)
	if c.last {
		c.ended()
		return false, nil
	}
	c.left--
	return c.left <= 0, nil
}
