package core_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// lastRetry returns the last time to reconnect in a stream's text.
func lastRetry(t *testing.T, text string) time.Duration {
	t.Helper()
	all := regexp.MustCompile(`(?m)^retry: (\d+)$`).FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		t.Fatalf("stream %q: got no retry field", text)
	}
	ms, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

// ready returns the status of the readiness probe.
func ready(t *testing.T, hub *core.Hub) int {
	t.Helper()
	r := httptest.NewRecorder()
	core.Readiness(hub).ServeHTTP(r, newRequest(t, t.Context()))
	return r.Code
}

// The readiness probe fails first. After the delay, streams are told to leave.
func TestDrainOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{DrainDelay: 5 * time.Second})
		endpoint := core.NewGate(hub, core.GateConfig{}).Subscribe("a")
		first := connect(t, endpoint)
		synctest.Wait()
		if got := ready(t, hub); got != http.StatusOK || !hub.Ready() {
			t.Errorf("before Drain: got ready %t and status %d, want true and 200", hub.Ready(), got)
		}
		drained := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		go func() { drained <- hub.Drain(ctx) }()
		synctest.Wait()
		if got := ready(t, hub); got != http.StatusServiceUnavailable || hub.Ready() {
			t.Errorf("in Drain: got ready %t and status %d, want false and 503", hub.Ready(), got)
		}
		time.Sleep(4 * time.Second)
		second := connect(t, endpoint)
		synctest.Wait()
		if got := hub.Stats().Streams; got != 2 {
			t.Errorf("in the delay: got %d streams, want the old one and a new one", got)
		}
		time.Sleep(2 * time.Second)
		if o := endpoint.Open(core.Request{Request: newRequest(t, t.Context())}); o.Status != http.StatusServiceUnavailable {
			t.Errorf("new stream after the delay: got status %d, want 503", o.Status)
		}
		if err := <-drained; err != nil {
			t.Errorf("Drain: %v", err)
		}
		<-first.done
		<-second.done
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who would be ended for good by a refusal is not sent back before the drain is
// over.
func TestFarewellKeepsAway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		accept   string
		byStatus bool
		least    time.Duration
		most     time.Duration
	}{
		"EventSource":           {"text/event-stream", false, 3 * time.Second, 6 * time.Second},
		"EventSource, statuses": {"text/event-stream", true, 10 * time.Second, 43 * time.Second},
		"other client":          {"*/*", false, 10 * time.Second, 43 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := core.NewHub(core.HubConfig{})
				gate := core.NewGate(hub, core.GateConfig{RefuseByStatus: test.byStatus})
				r := newRequest(t, t.Context())
				r.Header.Set("Accept", test.accept)
				o := gate.Subscribe("a").Open(core.Request{Request: r})
				conn := newMemConn()
				ran := make(chan struct{})
				go func() {
					defer close(ran)
					o.Run(conn)
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				if err := hub.Drain(ctx); err != nil {
					t.Errorf("Drain: %v", err)
				}
				<-ran
				if got := lastRetry(t, conn.text()); got < test.least || got > test.most {
					t.Errorf("retry of the farewell: got %v, want %v to %v", got, test.least, test.most)
				}
			})
		})
	}
}
