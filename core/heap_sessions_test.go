//go:build !race

package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// 1,000 sessions with the largest number and length of names stay within the
// bound, and streams that changed nothing leave no session.
//
//nolint:paralleltest // It looks at the heap.
func TestHeapOfSessions(t *testing.T) {
	const streams = 1000
	for name, c := range map[string]struct {
		add, remove []string
		bound       int64
	}{
		"changed":         {nil, []string{"a"}, 20 * mib},
		"changed nothing": {[]string{"a"}, []string{"none"}, 1 * mib},
		"named nothing":   {nil, nil, 1 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			hub := openHub(t, core.HubConfig{})
			opened := make(chan *core.Stream, 1)
			n := 0
			endpoint := core.NewGate(hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
				h.OnDeliver(func(int, int) {
					select {
					case opened <- h.Stream:
					default:
					}
				})
				return nil
			}}}).SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
				channels := []string{"a"}
				for i := range core.MaxChannels - 1 {
					channels = append(channels, fmt.Sprintf("%d %d %s", n, i, strings.Repeat("x", 230)))
				}
				return core.Subscription{Channels: channels, SessionKey: "page " + strconv.Itoa(n)}, nil
			})
			before := ssetest.HeapInUse()
			for ; n < streams; n++ {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					endpoint.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
				}()
				if err := (<-opened).ChangeChannels(c.add, c.remove); err != nil {
					t.Errorf("ChangeChannels: %v", err)
				}
				cancel()
				<-done
			}
			got := ssetest.HeapInUse() - before
			t.Logf("heap grew by %d KiB", got>>10)
			if got > c.bound {
				t.Errorf("got %d bytes more in use, want %d at most", got, c.bound)
			}
		})
	}
}
