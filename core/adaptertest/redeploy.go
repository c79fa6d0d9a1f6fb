package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// Redeploy replaces a process while clients of EventSource's kind are connected,
// half of them on hijacked connections: its hub drains while its server goes on
// to accept, so that clients come back to it; then its server ends, and the next
// one takes over its address and its history, which open opens from a file.
// Events are published all the time. Each client must get every event once and
// in order, and no answer may end a client for good. Nothing may be left of the
// first process, nor of both in the end.
func Redeploy(t *testing.T, adapter Adapter, clients int, open func(file string) (core.Store, error)) {
	t.Helper()
	e := ssetest.Env{Adapter: adapter, Transport: Plain}
	warm(t, e)
	goroutines, files := runtime.NumGoroutine(), descriptors()
	t.Run("clients", func(t *testing.T) {
		d := &deploy{
			t: t, env: e, open: open, file: filepath.Join(t.TempDir(), "history.db"),
			clients: clients, goroutines: goroutines, files: files,
		}
		d.run()
	})
	ssetest.Settled(t, goroutines)
	ssetest.Eventually(t, "descriptors more than before", 0, func() int { return max(descriptors()-files, 0) })
}

const (
	deployRetry     = 20 * time.Millisecond // of the gates
	deployUnreached = time.Second           // of the clients, where no process listens
)

// deploy is what the clients and the processes of one deploy share.
type deploy struct {
	t                 *testing.T
	env               ssetest.Env
	open              func(file string) (core.Store, error)
	file              string
	clients           int
	goroutines, files int // before the first process

	ctx    context.Context //nolint:containedctx // The test's.
	hub    atomic.Pointer[core.Hub]
	last   atomic.Int64   // number of the last event, 0 while there may be more
	dials  sync.RWMutex   // held for reading by clients that dial
	behind sync.WaitGroup // clients that have not got the last event
	over   chan struct{}  // closed when clients need not come back

	refused   atomic.Int64 // streams that ended without a position
	unreached atomic.Int64 // attempts without an answer
}

func (d *deploy) run() {
	t := d.t
	ctx, cancel := context.WithTimeout(t.Context(), 6*ssetest.Patience)
	defer cancel()
	d.ctx, d.over = ctx, make(chan struct{})
	first := d.start("")
	var all, publisher sync.WaitGroup
	d.behind.Add(d.clients)
	for i := range d.clients {
		all.Go(func() { d.follow(first, i) })
	}
	first.Streams(t, d.clients)
	stop := make(chan struct{})
	publisher.Go(func() { d.publish(stop) })

	drained := d.drain(first)
	refused := d.refused.Load()
	d.end(first)
	d.wantNothing()
	began := time.Now()
	second := d.start(first.Addr)
	second.Streams(t, d.clients)
	t.Logf("%d clients: drained in %v, in which %d came back; %d dialled while no process listened; all were served %v after the next began",
		d.clients, drained, refused, d.unreached.Load(), time.Since(began).Round(time.Millisecond))
	if refused < int64(d.clients)/2 {
		t.Errorf("got %d clients back at the process that drained, want most of %d", refused, d.clients)
	}
	close(stop)
	publisher.Wait()
	d.behind.Wait()
	close(d.over)
	d.end(second)
	all.Wait()
}

// start starts a process that listens on an address, or on any.
func (d *deploy) start(addr string) *ssetest.Fixture {
	store, err := d.open(d.file)
	if err != nil {
		d.t.Fatalf("history: %v", err)
	}
	f := ssetest.New(d.t, d.env, core.HubConfig{Store: store})
	f.Timeout, f.Addr = 0, addr
	for path, mode := range map[string]core.ConnMode{"/owned": core.OwnedConn, "/response": core.ResponseConn} {
		f.Get(path, core.NewGate(f.Hub, core.GateConfig{Conn: mode, Retry: deployRetry}).Subscribe("news"))
	}
	f.Start(d.t)
	d.hub.Store(f.Hub)
	return f
}

// drain drains a process, and returns how long that took.
func (d *deploy) drain(f *ssetest.Fixture) time.Duration {
	ctx, cancel := context.WithTimeout(d.ctx, 3*time.Second+time.Duration(d.clients)*2*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := f.Hub.Drain(ctx); err != nil {
		d.t.Errorf("Drain: got %v, want nil", err)
	}
	return time.Since(began).Round(time.Millisecond)
}

// end ends a process.
func (d *deploy) end(f *ssetest.Fixture) {
	f.Stop(d.t)
	if err := f.Hub.Close(); err != nil {
		d.t.Errorf("Close: %v", err)
	}
}

// wantNothing waits until nothing is left of the process that has ended. No
// client dials meanwhile.
func (d *deploy) wantNothing() {
	d.dials.Lock()
	defer d.dials.Unlock()
	ssetest.Eventually(d.t, "descriptors of a process that has ended", 0, func() int { return max(descriptors()-d.files, 0) })
	own := d.clients + 3 // the clients, the publisher, this test, and a timer's
	ssetest.Eventually(d.t, "goroutines of a process that has ended", 0, func() int {
		return max(runtime.NumGoroutine()-d.goroutines-own, 0)
	})
}

// publish publishes numbers to the process that runs, until stop is closed. What
// a process that ends does not take is for the next.
func (d *deploy) publish(stop <-chan struct{}) {
	ticker := time.NewTicker(max(10*time.Millisecond, time.Duration(d.clients)*50*time.Microsecond))
	defer ticker.Stop()
	for n := int64(1); ; {
		hub, number := d.hub.Load(), strconv.FormatInt(n, 10)
		if _, err := hub.Publish(d.ctx, "news", core.Event{Data: number}, core.Once(number)); err == nil {
			n++
		} else if hub.Ready() {
			d.t.Errorf("publish: %v", err)
			return
		}
		select {
		case <-stop:
			d.finish(n)
			return
		case <-ticker.C:
		}
	}
}

// finish publishes the last event.
func (d *deploy) finish(n int64) {
	d.last.Store(n)
	if _, err := d.hub.Load().Publish(d.ctx, "news", core.Event{Data: strconv.FormatInt(n, 10)}); err != nil {
		d.t.Errorf("publish: %v", err)
	}
}

// follow is a client: it comes back after the time that it is told, or later if
// it reached no process, as section 9.2.3 allows. It gives up after any status
// but 200, which is an error.
func (d *deploy) follow(f *ssetest.Fixture, index int) {
	caughtUp := sync.OnceFunc(d.behind.Done)
	defer caughtUp()
	c := &session{to: f, path: []string{"/owned", "/response"}[index%2], header: []string{"Accept: text/event-stream"}}
	number, retry := int64(0), deployRetry
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	for {
		c.body = nil
		d.dials.RLock()
		err := c.connect(ctx)
		d.dials.RUnlock()
		if err == nil {
			number, err = d.read(c, number, caughtUp)
			if told, ok := c.body.RetryTime(); ok {
				retry = told
			}
		}
		c.cut(false)
		select {
		case <-d.over:
			return
		case <-ctx.Done():
			return
		default:
		}
		wait := retry
		switch {
		case c.body == nil:
			d.unreached.Add(1)
			wait = max(wait, deployUnreached)
		case !errors.Is(err, io.EOF):
			d.t.Errorf("client %d after event %d: %v", index, number, err)
			return
		case c.body.LastEventID() == "":
			d.refused.Add(1)
		}
		ssetest.Pause(ctx, wait)
	}
}

// read reads a stream to its end, and returns the number of the last event.
func (d *deploy) read(c *session, number int64, caughtUp func()) (int64, error) {
	for {
		ev, err := c.next()
		switch {
		case err != nil:
			return number, err
		case ev.Data != strconv.FormatInt(number+1, 10):
			return number, fmt.Errorf("event: got %q, want %d", ev.Data, number+1)
		}
		if number++; number == d.last.Load() {
			caughtUp()
		}
	}
}
