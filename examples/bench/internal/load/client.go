//go:build linux

package load

import (
	"bytes"
	"slices"
)

// state is where a client is in its life.
type state uint8

const (
	closed     state = iota
	connecting       // waiting until it can send its request
	waiting          // for the end of the head
	streaming
)

// maxCarry bounds what a client keeps of an event that is not complete.
const maxCarry = 1 << 20

// client is one connection, from the request to the events' numbers. It is
// kept, with its numbers, when the connection ends.
type client struct {
	fd      int
	state   state
	stalled bool
	paced   bool // it reads in turns, not when there is something
	channel int

	chunked bool
	chunk   chunkState
	left    int // of a chunk's data; while the size is read, the size so far

	carry []byte // the head, or an event, as far as it has come

	seen bool // whether seq means anything
	seq  int64
	id   []byte // the last event ID

	latest []int64 // the highest number of each key, if events have keys
}

// chunkState is which part of a chunk comes next (RFC 9112, section 7.1).
type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkData
	chunkEnd
)

// head takes bytes of the response's head. It returns what follows the head,
// and reports whether the head is complete and, if so, is that of a stream.
func (c *client) head(p []byte) (rest []byte, complete, ok bool) {
	c.carry = append(c.carry, p...)
	end := bytes.Index(c.carry, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, len(c.carry) > maxCarry, false
	}
	head := bytes.ToLower(c.carry[:end])
	rest = slices.Clone(c.carry[end+4:])
	c.carry = c.carry[:0]
	c.chunked = bytes.Contains(head, []byte("\r\ntransfer-encoding: chunked"))
	c.chunk, c.left = chunkSize, 0
	status, _, _ := bytes.Cut(head, []byte("\r\n"))
	ok = bytes.HasPrefix(status, []byte("http/1.1 200")) &&
		bytes.Contains(head, []byte("\r\ncontent-type: text/event-stream"))
	return rest, true, ok
}

// body takes bytes of the response's body, and calls event for each complete
// event in it. It reports false if the body cannot be read, or is at its end.
func (c *client) body(p []byte, event func(*client, []byte)) bool {
	if !c.chunked {
		return c.scan(p, event)
	}
	for len(p) > 0 {
		switch c.chunk {
		case chunkSize, chunkExtension:
			b := p[0]
			p = p[1:]
			switch {
			case b == '\n':
				if c.left == 0 {
					return false
				}
				c.chunk = chunkData
			case c.chunk == chunkExtension || b == ';' || b == '\r':
				c.chunk = chunkExtension
			default:
				digit := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
				if digit < 0 || c.left > maxCarry {
					return false
				}
				c.left = c.left<<4 | digit
			}
		case chunkData:
			n := min(c.left, len(p))
			if !c.scan(p[:n], event) {
				return false
			}
			p = p[n:]
			if c.left -= n; c.left == 0 {
				c.chunk = chunkEnd
			}
		case chunkEnd:
			if p[0] == '\n' {
				c.chunk = chunkSize
			}
			p = p[1:]
		}
	}
	return true
}

// scan finds the blank lines that end events. It knows LF only, which is what
// all contenders send.
func (c *client) scan(p []byte, event func(*client, []byte)) bool {
	if len(c.carry) > 0 {
		c.carry = append(c.carry, p...)
		p = c.carry
	}
	for {
		end := bytes.Index(p, []byte("\n\n"))
		if end < 0 {
			break
		}
		event(c, p[:end])
		p = p[end+2:]
	}
	// p may be the end of carry: append copies as if they did not overlap.
	c.carry = append(c.carry[:0], p...)
	return len(c.carry) <= maxCarry
}

// takeID keeps the ID of an event, if it has one.
func (c *client) takeID(event []byte) {
	const field = "id:"
	at := -1
	if bytes.HasPrefix(event, []byte(field)) {
		at = 0
	} else if i := bytes.Index(event, []byte("\n"+field)); i >= 0 {
		at = i + 1
	}
	if at < 0 {
		return
	}
	value, _, _ := bytes.Cut(event[at+len(field):], []byte("\n"))
	c.id = append(c.id[:0], bytes.TrimPrefix(value, []byte(" "))...)
}
