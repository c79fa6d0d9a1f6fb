package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

const beat = ": \n\n"

// wantBeats checks when heartbeats were sent.
func wantBeats(t *testing.T, c *memClient, want ...time.Duration) {
	t.Helper()
	var got []time.Duration
	for _, f := range c.conn.sent() {
		if f.text == beat {
			got = append(got, f.at)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got heartbeats at %v, want %v", got, want)
	}
}

// wantSpreadBeats checks the heartbeats of a subscription up to a time. Each is
// late by an eighth of the interval at most. The first may be early, which
// spreads the heartbeats of streams that open at the same time.
func wantSpreadBeats(t *testing.T, c *memClient, every, until time.Duration) {
	t.Helper()
	last := time.Duration(0)
	for i, f := range c.conn.sent() {
		silence := f.at - last
		if silence > every+every/8 || f.text == beat && silence < every/2 {
			t.Errorf("write %d: got %q after %v, want heartbeats after %v of silence", i, f.text, silence, every)
		}
		last = f.at
	}
	if until-last > every+every/8 {
		t.Errorf("got no heartbeat from %v to %v", last, until)
	}
}

func TestHeartbeatOnlyInSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{Heartbeat: 10 * time.Second})
		time.Sleep(4 * time.Second)
		if err := s.Send(event("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(21 * time.Second)
		if err := s.Retry(0); err != nil { // sends nothing, so it breaks no silence
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		wantBeats(t, c, 14*time.Second, 24*time.Second, 34*time.Second)
	})
}

func TestHeartbeatOfASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		c := connect(t, core.NewGate(hub, core.GateConfig{Heartbeat: 10 * time.Second}).Subscribe("c"))
		time.Sleep(4 * time.Second)
		if _, err := hub.Publish(t.Context(), "c", event("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(41 * time.Second)
		synctest.Wait()
		wantSpreadBeats(t, c, 10*time.Second, 45*time.Second)
	})
}

func TestHeartbeatDefaultAndNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg  core.GateConfig
		want []time.Duration
	}{
		"default": {core.GateConfig{}, []time.Duration{15 * time.Second, 30 * time.Second}},
		"none":    {core.GateConfig{Heartbeat: -1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, handled := openSender(t, test.cfg)
				subscribed := connect(t, core.NewGate(core.NewHub(core.HubConfig{}), test.cfg).Subscribe("c"))
				time.Sleep(31 * time.Second)
				wantBeats(t, handled, test.want...)
				if test.want == nil {
					wantBeats(t, subscribed)
					return
				}
				wantSpreadBeats(t, subscribed, test.want[0], 31*time.Second)
			})
		})
	}
}

// Heartbeats do not depend on whether the handler waits or its write blocks.
func TestHeartbeatWhileAWriteBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{Heartbeat: 10 * time.Second, WriteTimeout: time.Minute})
		c.conn.block()
		time.Sleep(8 * time.Second)
		go func() { _ = s.Send(event("a")) }()
		time.Sleep(20 * time.Second) // one heartbeat waits, at most
		c.conn.unblock()
		synctest.Wait()
		wantText(t, c.conn.text(1, 2), "data: a\n\n"+beat)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantBeats(t, c, 28*time.Second, 38*time.Second)
	})
}

func TestHeartbeatFindsTheClientGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{Heartbeat: 10 * time.Second})
		broken := errors.New("broken pipe")
		c.conn.fail(broken)
		<-c.done
		if got, want := time.Since(s.Since()), 10*time.Second; got != want {
			t.Errorf("got the end after %v, want %v", got, want)
		}
		wantReason(t, s.Err(), core.ErrClientGone)
		wantReason(t, s.Err(), broken)
	})
}

func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		c.conn.block()
		results := make(chan error, 3)
		for range 3 { // one that writes, two that wait for it
			go func() { results <- s.Send(event("a")) }()
		}
		for range 3 {
			wantReason(t, <-results, core.ErrWriteTimeout)
		}
		wantTimeout(t, time.Since(s.Since()), 10*time.Second)
		<-c.done
		wantReason(t, context.Cause(s.Context()), core.ErrWriteTimeout)
		wantReason(t, s.Err(), core.ErrWriteTimeout)
	})
}

func TestWriteTimeoutOfASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		var sum core.Summary
		gate := core.NewGate(hub, core.GateConfig{
			WriteTimeout: 2 * time.Second,
			Middleware: []core.Middleware{func(h *core.Handshake) error {
				h.OnClose(func(got core.Summary) { sum = got })
				return nil
			}},
		})
		c := connect(t, gate.Subscribe("c"))
		synctest.Wait()
		c.conn.block()
		if _, err := hub.Publish(t.Context(), "c", event("a")); err != nil {
			t.Fatal(err)
		}
		<-c.done
		wantReason(t, sum.Reason, core.ErrWriteTimeout)
		wantTimeout(t, sum.Duration, 2*time.Second)
	})
}

// wantTimeout checks that a write timed out after want, and at most a tenth
// later.
func wantTimeout(t *testing.T, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+want/10 {
		t.Errorf("got the end after %v, want %v, or a tenth more", got, want)
	}
}

// The client's disconnect ends a blocked write that has no timeout.
func TestHangUpEndsABlockedWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{WriteTimeout: -1, Heartbeat: -1})
		c.conn.block()
		result := make(chan error, 1)
		go func() { result <- s.Send(event("a")) }()
		time.Sleep(time.Hour)
		c.hangUp()
		wantReason(t, <-result, core.ErrClientGone)
		<-c.done
	})
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[time.Duration]bool)
		gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Lifetime: time.Minute})
		for range 20 {
			var s *core.Sender
			c := connect(t, gate.Handle(func(own *core.Sender) error {
				s = own
				<-s.Done()
				return nil
			}))
			<-c.done
			wantReason(t, s.Err(), core.ErrLifetime)
			life := time.Since(s.Since())
			if life < time.Minute || life > 75*time.Second {
				t.Errorf("got a lifetime of %v, want 60s to 75s", life)
			}
			seen[life] = true
		}
		if len(seen) < 2 {
			t.Error("got the same lifetime 20 times")
		}
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		start := time.Now()
		s.SetExpiry(start.Add(time.Second))
		s.SetExpiry(time.Time{})
		time.Sleep(time.Minute)
		if err := s.Err(); err != nil {
			t.Fatalf("a cleared expiry ended the stream: %v", err)
		}
		s.SetExpiry(start.Add(2 * time.Minute))
		s.SetExpiry(start.Add(time.Hour))
		<-c.done
		if got := time.Since(start); got != time.Hour {
			t.Errorf("got the end after %v, want 1h", got)
		}
		wantReason(t, s.Err(), core.ErrExpired)
		s.SetExpiry(start.Add(2 * time.Hour)) // has no effect, and leaves no timer
	})
}

// prelude returns the retry that a new stream's client is told.
func prelude(t *testing.T, cfg core.GateConfig) (ms int, ok bool) {
	t.Helper()
	c := connect(t, core.NewGate(core.NewHub(core.HubConfig{}), cfg).Handle(func(*core.Sender) error { return nil }))
	<-c.done
	_, err := fmt.Sscanf(c.conn.text(), "retry: %d\n\n: open\n\n", &ms)
	return ms, err == nil
}

func TestRetryInThePrelude(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if _, ok := prelude(t, core.GateConfig{Retry: -1, RetryJitter: time.Second}); ok {
			t.Error("got a retry, want none")
		}
		if ms, _ := prelude(t, core.GateConfig{}); ms != 3000 {
			t.Errorf("got retry %d, want 3000", ms)
		}
		seen := make(map[int]bool)
		for range 50 {
			ms, _ := prelude(t, core.GateConfig{Retry: time.Second, RetryJitter: time.Second})
			if ms < 1000 || ms > 2000 {
				t.Errorf("got retry %d, want 1000 to 2000", ms)
			}
			seen[ms] = true
		}
		if len(seen) < 2 {
			t.Error("got the same retry 50 times")
		}
	})
}

func TestDrainSpreadsSubscriptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		endpoint := core.NewGate(hub, core.GateConfig{Retry: 2 * time.Second}).Subscribe("c")
		var browsers []*memClient
		for range 40 {
			browsers = append(browsers, connect(t, endpoint))
		}
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		if err := hub.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got > 30*time.Second {
			t.Errorf("got a drain of %v, want three quarters of 40s at most", got)
		}
		early, retries := 0, make(map[int]bool)
		for _, c := range browsers {
			<-c.done
			last := c.conn.sent()[len(c.conn.sent())-1]
			var ms int
			if _, err := fmt.Sscanf(last.text, "retry: %d\n\n", &ms); err != nil || ms < 2000 || last.at+time.Duration(ms)*time.Millisecond < 40*time.Second {
				t.Errorf("got the farewell %q after %v, want a retry that lasts until the drain gives up", last.text, last.at)
			}
			retries[ms] = true
			if last.at < 15*time.Second {
				early++
			}
		}
		if early == 0 || early == len(browsers) {
			t.Errorf("got %d of %d farewells in the first half, want them spread", early, len(browsers))
		}
		if len(retries) < 2 {
			t.Error("got the same retry in all farewells")
		}
		o := endpoint.Open(core.Request{Request: newRequest(t, t.Context())})
		if o.Status != 503 || o.Header.Get("Retry-After") == "" {
			t.Errorf("got %d and Retry-After %q, want 503 and some", o.Status, o.Header.Get("Retry-After"))
		}
	})
}

func TestDrainWithoutADeadlineIsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		c := connect(t, core.NewGate(hub, core.GateConfig{Retry: -1}).Subscribe("c"))
		synctest.Wait()
		if err := hub.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := c.conn.times(); got[len(got)-1] != 0 {
			t.Errorf("got flushes at %v, want all at once", got)
		}
		if text := c.conn.text(); strings.Contains(text, "retry") {
			t.Errorf("got a retry in %q, want none", text)
		}
	})
}

// Drain without streams returns nil even if its context has ended.
func TestDrainOfNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if err := core.NewHub(core.HubConfig{}).Drain(ctx); err != nil {
			t.Fatalf("got %v, want nil: there are no streams", err)
		}
	}
}

// A handler that watches Draining finishes its response. The stream of one that
// does not is ended at the deadline, even during a blocked write.
func TestDrainOfHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		gate := core.NewGate(hub, core.GateConfig{WriteTimeout: -1})
		polite := connect(t, gate.Handle(func(s *core.Sender) error {
			<-s.Draining()
			return s.Send(event("the end"))
		}))
		var reason error
		rude := connect(t, gate.Handle(func(s *core.Sender) error {
			<-s.Draining()
			reason = s.Send(event("blocked"))
			return nil
		}))
		synctest.Wait()
		rude.conn.block()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		wantReason(t, hub.Drain(ctx), context.DeadlineExceeded)
		if got := time.Since(start); got != time.Minute {
			t.Errorf("got a drain of %v, want 1m", got)
		}
		<-polite.done
		<-rude.done
		if text := polite.conn.text(); !strings.HasSuffix(text, "data: the end\n\n") {
			t.Errorf("got %q, want the end of the answer", text)
		}
		wantReason(t, reason, core.ErrDraining)
	})
}
