package core_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// openStalled connects to an endpoint of a gate, and reads nothing after the
// prelude.
func openStalled(t *testing.T, hub *core.Hub, cfg core.GateConfig, channels ...string) (*memClient, <-chan core.Summary) {
	t.Helper()
	conn := newMemConn()
	sums := make(chan core.Summary, 1)
	cfg.Middleware = append(cfg.Middleware, func(h *core.Handshake) error {
		h.OnDeliver(func(int, int) { conn.block() })
		h.OnClose(func(sum core.Summary) { sums <- sum })
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	c := connectAs(t, core.NewGate(hub, cfg).Subscribe(channels...), newRequest(t, ctx), cancel, conn)
	return c, sums
}

// The stream of a client that reads nothing ends after the write timeout. If no
// channel evicts, it ends after the longest of the channels' stall timeouts, if
// that is longer.
func TestStallTimeout(t *testing.T) {
	t.Parallel()
	channels := []core.ChannelConfig{
		{Pattern: "skip", Slow: core.Skip},
		{Pattern: "conflate", Slow: core.Conflate, StallTimeout: time.Minute},
		{Pattern: "brief", Slow: core.Skip, StallTimeout: time.Second},
		{Pattern: "evict", StallTimeout: time.Hour},
	}
	for name, test := range map[string]struct {
		channels []string
		timeout  time.Duration
		want     time.Duration // 0: never
	}{
		"evict":                      {[]string{"evict"}, 0, 10 * time.Second},
		"skip, by default":           {[]string{"skip"}, 0, 2 * time.Minute},
		"conflate":                   {[]string{"conflate"}, 0, time.Minute},
		"the longest":                {[]string{"conflate", "skip", "brief"}, 0, 2 * time.Minute},
		"one of them evicts":         {[]string{"conflate", "evict", "skip"}, 0, 10 * time.Second},
		"no less than the timeout":   {[]string{"brief"}, 0, 10 * time.Second},
		"a timeout longer than that": {[]string{"conflate"}, 90 * time.Second, 90 * time.Second},
		"no bound":                   {[]string{"conflate"}, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := openHub(t, core.HubConfig{Channels: channels})
				c, sums := openStalled(t, hub, core.GateConfig{Heartbeat: -1, WriteTimeout: test.timeout}, test.channels...)
				synctest.Wait()
				publish(t, hub, test.channels[0], "x")
				began := time.Now()
				if test.want == 0 {
					time.Sleep(time.Hour)
					synctest.Wait()
					if len(sums) > 0 {
						t.Errorf("without a bound: got %+v, want it kept", <-sums)
					}
					c.conn.unblock()
					return
				}
				sum := <-sums
				wantReason(t, sum.Reason, core.ErrWriteTimeout)
				wantTimeout(t, time.Since(began), test.want)
			})
		})
	}
}

// Clients that do not read their pages of history, however many, do not keep
// other clients from reading theirs.
func TestStalledReplaysLetOthersIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const replays = 3
		hub := openHub(t, core.HubConfig{
			RingEvents: 4, MaxReplays: replays, Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, RingEvents: 4}},
		})
		data := strings.Repeat("x", 200)
		for range 500 {
			publish(t, hub, "a", data)
		}
		cfg := core.GateConfig{Heartbeat: -1, Start: core.Earliest()}
		for range 20 * replays {
			openStalled(t, hub, cfg, "a")
			synctest.Wait()
		}
		c := connect(t, core.NewGate(hub, cfg).Subscribe("a"))
		reader := consume(t, hub, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		synctest.Wait() // no time passes
		if strings.Count(c.conn.text(), data) < 500 || len(reader.seen()) < 500 {
			t.Errorf("at once: got %d and %d events, want all", strings.Count(c.conn.text(), data), len(reader.seen()))
		}
	})
}

// A batch of events is sent with one flush, also if it is larger than what is
// sent together otherwise.
func TestBatchIsOneFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingBytes: 4 << 20})
		c := connect(t, core.NewGate(hub, core.GateConfig{}).Subscribe("a", "b"))
		synctest.Wait()
		c.conn.block()
		publish(t, hub, "a", "begin")
		synctest.Wait()
		for range 10 {
			var batch []core.Publication
			for i := range 100 {
				p := core.Publication{Channel: []string{"a", "b"}[i%2], Event: core.Event{Data: strings.Repeat("x", 5000)}}
				batch = append(batch, p)
			}
			batch[0].Event.Name, batch[99].Event.Name = "first", "last"
			if _, err := hub.PublishBatch(t.Context(), batch...); err != nil {
				t.Fatalf("PublishBatch: %v", err)
			}
			publish(t, hub, "b", "between")
		}
		c.conn.unblock()
		synctest.Wait()
		whole := 0
		for _, f := range c.conn.sent() {
			first, last := strings.Count(f.text, "event: first\n"), strings.Count(f.text, "event: last\n")
			if first != last {
				t.Fatalf("a flush of %d bytes: got %d beginnings and %d ends", len(f.text), first, last)
			}
			whole += first
		}
		if whole != 10 {
			t.Errorf("got %d batches, want 10", whole)
		}
	})
}
