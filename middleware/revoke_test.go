package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// The streams of a revoked identity end at once, all of them.
func TestRevocationOfManyStreams(t *testing.T) {
	t.Parallel()
	const streams = 1000
	site := serve(t, identify)
	site.publish(t, "a", "before")
	conns := make([]*reply, streams)
	for i := range conns {
		conns[i] = site.get(t, "/events", "X-User", "ann")
	}
	stays := site.get(t, "/events", "X-User", "bob")
	begin := time.Now()
	if got := site.hub.Revoke("ann", time.Time{}); got != streams {
		t.Errorf("got %d streams revoked, want %d", got, streams)
	}
	for range streams {
		if sum := site.ended(t); !errors.Is(sum.Reason, core.ErrRevoked) {
			t.Fatalf("got %v, want ErrRevoked", sum.Reason)
		}
	}
	ended := time.Since(begin)
	for _, resp := range conns {
		rest, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Contains(rest, []byte(`data: {"reason":"revoked"}`)) && resp.next(t) != `{"reason":"revoked"}` {
			t.Fatalf("got %q, %v, want that it was revoked", rest, err)
		}
	}
	t.Logf("%d streams ended after %v, their clients knew after %v", streams, ended, time.Since(begin))
	if ended > 10*time.Second {
		t.Errorf("got the last stream ended after %v, want about a second at most", ended)
	}
	site.publish(t, "a", "after")
	if got := stays.next(t); got != "after" {
		t.Errorf("another identity: got %q, want after", got)
	}
	if resp := site.get(t, "/events", "X-User", "ann", "Last-Event-ID", "1-1"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("replay: got %s, want 403", resp.Status)
	}
}
