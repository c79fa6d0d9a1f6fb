//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"io"
	"net/http"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testPipelinedReset sends a request for a stream behind another one, in one
// segment, and resets the connection before the answers can be sent. Nothing is
// left of the streams.
func testPipelinedReset(t *testing.T, e ssetest.Env) {
	const clients = 40
	for _, version := range []string{"1.1", "1.0"} {
		for _, path := range []string{"/channel", "/handler"} {
			f := ssetest.New(t, e, core.HubConfig{})
			gate := f.Gate(core.GateConfig{WriteTimeout: -1}) // a timeout would hide a leak
			f.Get("/first", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{Data: "first"}, nil }))
			f.Get("/channel", gate.Subscribe("news"))
			f.Get("/handler", gate.Handle(wait))
			f.Start(t)
			both := ssetest.Request("/first", "1.1") + ssetest.Request(path, version)
			for range clients {
				conn := f.RawConn(t)
				if _, err := io.WriteString(conn, both); err != nil {
					t.Fatalf("requests: %v", err)
				}
				conn.Cut(true)
			}
			f.Empty(t)
			// A stream is served behind another request.
			conn := f.RawConn(t)
			conn.MustAsk(t, both).Text(t)
			stream, err := conn.Answer(http.MethodGet)
			if err != nil {
				t.Fatalf("%s, HTTP/%s: got %v, want a stream", path, version, err)
			}
			stream.Prelude(t)
			if err := f.Hub.Close(); err != nil {
				t.Errorf("closing the hub: %v", err)
			}
			f.Empty(t)
		}
	}
}
