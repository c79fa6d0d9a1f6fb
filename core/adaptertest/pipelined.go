//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"bufio"
	"io"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// testPipelinedReset has clients ask for a stream behind another request, in one
// segment, and reset the connection before the answers can be sent. Nothing is
// left of them.
func testPipelinedReset(t *testing.T, e env) {
	const clients = 40
	e.mixed = true
	for _, version := range []string{"1.1", "1.0"} {
		for _, path := range []string{"/channel", "/handler"} {
			b := newBed(t, e, core.HubConfig{})
			gate := b.gate(core.GateConfig{WriteTimeout: -1}) // it takes a minute to notice by the clock
			b.get("/first", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "first"}, nil }))
			b.get("/channel", gate.Subscribe("news"))
			b.get("/handler", gate.Handle(wait))
			b.start(t)
			for range clients {
				conn, tcp := b.dial(t)
				_, err := io.WriteString(conn, "GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n"+
					"GET "+path+" HTTP/"+version+"\r\nHost: a.example\r\n\r\n")
				if err != nil {
					t.Fatalf("requests: %v", err)
				}
				_ = tcp.SetLinger(0)
				_ = tcp.Close()
			}
			b.empty(t)
			// A client that stays is served behind another request, too.
			conn, _ := b.dial(t)
			in := bufio.NewReader(conn)
			exchange(t, conn, in, "GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n"+ //nolint:bodyclose // The test's cleanup does it.
				"GET "+path+" HTTP/"+version+"\r\nHost: a.example\r\n\r\n")
			for line := ""; line != ": open\n"; {
				var err error
				if line, err = in.ReadString('\n'); err != nil {
					t.Fatalf("%s, HTTP/%s: got %q and %v, want a stream", path, version, line, err)
				}
			}
			if err := b.hub.Close(); err != nil {
				t.Errorf("closing the hub: %v", err)
			}
			b.empty(t)
		}
	}
}
