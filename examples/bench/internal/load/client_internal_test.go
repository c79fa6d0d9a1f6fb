//go:build linux

package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// chunks writes a body in chunks of n bytes (RFC 9112, section 7.1).
func chunks(body string, n int) string {
	var b strings.Builder
	for part := range slices.Chunk([]byte(body), n) {
		fmt.Fprintf(&b, "%X\r\n%s\r\n", len(part), part)
	}
	return b.String() + "0\r\n\r\n"
}

func TestClientAnyBoundaries(t *testing.T) {
	t.Parallel()
	const (
		head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		body = ": hello\n\nid: 1\ndata: one\n\ndata: two\nid:2\n\ndata: without\n\n"
		part = "data: incomplete\nid: 3\n"
	)
	want := []string{": hello", "id: 1\ndata: one", "data: two\nid:2", "data: without"}
	streams := map[string]string{"plain": head + "\r\n" + body + part}
	for _, n := range []int{1, 2, 7, 1000} {
		streams[fmt.Sprintf("chunks of %d", n)] = head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(body+part, n)
	}
	for name, stream := range streams {
		for size := 1; size <= len(stream); size++ {
			c := &client{}
			var got []string
			take := func(c *client, event []byte) {
				c.takeID(event)
				got = append(got, string(event))
			}
			inHead := true
			for p := range slices.Chunk([]byte(stream), size) {
				if inHead {
					rest, complete, ok := c.head(p)
					if !complete {
						continue
					}
					if !ok {
						t.Fatalf("%s, reads of %d: got a head refused, want it taken", name, size)
					}
					inHead, p = false, rest
				}
				c.body(p, take)
			}
			if !slices.Equal(got, want) || string(c.id) != "2" {
				t.Fatalf("%s, reads of %d: got %q and id %q, want %q and 2", name, size, got, c.id, want)
			}
		}
	}
}

func TestClientRefusesOtherHeads(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/event-stream\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
	} {
		if _, complete, ok := new(client).head([]byte(head)); !complete || ok {
			t.Errorf("%q: got complete %t, ok %t, want true, false", head, complete, ok)
		}
	}
}
