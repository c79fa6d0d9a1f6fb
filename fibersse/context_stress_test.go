package fibersse_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// trackedRequest is one request of a stress test.
type trackedRequest struct {
	entered chan context.Context // gets the request's context
	release chan struct{}        // lets the handler return
	cause   chan error           // gets the cause when it returns
}

func newTrackedRequest() *trackedRequest {
	return &trackedRequest{make(chan context.Context, 1), make(chan struct{}), make(chan error, 1)}
}

// tracker holds requests by number.
type tracker struct {
	all  sync.Map // of *trackedRequest
	last atomic.Int64
}

// add registers a request, and returns its text.
func (tr *tracker) add(req *trackedRequest) (request string) {
	n := tr.last.Add(1)
	tr.all.Store(strconv.FormatInt(n, 10), req)
	return fmt.Sprintf("GET /tracked?n=%d HTTP/1.1\r\nHost: a.example\r\n\r\n", n)
}

func (tr *tracker) handle(fc *fiber.Ctx) error {
	found, _ := tr.all.Load(fc.Query("n"))
	req := found.(*trackedRequest) //nolint:forcetypeassert,errcheck // It is what is stored.
	ctx := fibersse.Context(fc)
	req.entered <- ctx
	select {
	case <-ctx.Done():
	case <-req.release:
	}
	req.cause <- context.Cause(ctx)
	return fc.SendString("done")
}

// requester makes requests on one connection after the other.
type requester struct {
	*tracker

	dial      func() *conn
	conn      *conn
	left      []*trackedRequest // whose client left in mid-request
	abandoned []*trackedRequest // whose client left at once
	kept      []context.Context
}

// stay waits for the response.
func (c *requester) stay(t *testing.T) {
	t.Helper()
	req := newTrackedRequest()
	c.conn.send(t, c.add(req))
	c.kept = append(c.kept, receive(t, req.entered))
	for range rand.IntN(50) { // others leave meanwhile
		runtime.Gosched()
	}
	close(req.release)
	c.conn.wantAnswer(t, http.StatusOK, "done")
	if got := receive(t, req.cause); got != nil {
		t.Errorf("request whose client stayed: got %v, want no end", got)
	}
}

// leave disconnects while the handler runs, and does not wait for its end.
func (c *requester) leave(t *testing.T, way func() error) {
	t.Helper()
	req := newTrackedRequest()
	c.conn.send(t, c.add(req))
	receive(t, req.entered)
	if err := way(); err != nil {
		t.Errorf("leave: %v", err)
	}
	c.left = append(c.left, req)
	c.conn = c.dial()
}

// abandon disconnects without waiting for the handler.
func (c *requester) abandon(t *testing.T) {
	t.Helper()
	req := newTrackedRequest()
	close(req.release)
	c.conn.send(t, c.add(req))
	_ = c.conn.Close()
	c.abandoned = append(c.abandoned, req)
	c.conn = c.dial()
}

// check checks the contexts of all requests so far.
func (c *requester) check(t *testing.T) {
	t.Helper()
	for _, req := range c.left {
		if got := receive(t, req.cause); !errors.Is(got, core.ErrClientGone) {
			t.Errorf("request whose client left: got %v, want %v", got, core.ErrClientGone)
		}
	}
	for _, req := range c.abandoned {
		if got := receive(t, req.cause); got != nil && !errors.Is(got, core.ErrClientGone) {
			t.Errorf("request whose client left at once: got %v, want %v or none", got, core.ErrClientGone)
		}
	}
	for _, ctx := range c.kept {
		select {
		case <-ctx.Done(): // its client may have gone right after the answer
		case <-time.After(patience):
			t.Error("context of an answered request: got no end")
		}
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, values <-chan T) (value T) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case value = <-values:
	case <-limit.C:
		t.Error("handler: got nothing of it")
	}
	return value
}

// Requests are cancelled if and only if their clients disconnect, while
// connections, descriptors and contexts are reused.
func TestContextOfThousands(t *testing.T) {
	t.Parallel()
	const clients = 20
	for name, test := range map[string]struct {
		site

		requests int
	}{
		"plain": {site{}, 10_000},
		"TLS":   {site{tls: serverTLS()}, 1_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := new(tracker)
			p := mount(t, test.site, func(p *plainApp) { p.app.Get("/tracked", all.handle) })
			var group sync.WaitGroup
			var left atomic.Int64
			for range clients {
				group.Go(func() {
					c := &requester{tracker: all, dial: p.dial, conn: p.dial()}
					for range test.requests / clients {
						c.next(t)
					}
					c.check(t)
					left.Add(int64(len(c.left)))
				})
			}
			group.Wait()
			t.Logf("%d requests, of which %d clients left", all.last.Load(), left.Load())
		})
	}
}

// next makes one request.
func (c *requester) next(t *testing.T) {
	t.Helper()
	tcp := c.conn.tcp()
	switch rand.IntN(20) {
	case 0:
		c.leave(t, tcp.Close)
	case 1:
		c.leave(t, tcp.CloseWrite)
	case 2:
		c.leave(t, func() error { return errors.Join(tcp.SetLinger(0), tcp.Close()) })
	case 3:
		c.abandon(t)
	default:
		c.stay(t)
	}
}

// counts are resources of the process.
type counts struct{ goroutines, descriptors int }

func count(t *testing.T) counts {
	t.Helper()
	return counts{runtime.NumGoroutine(), descriptors(t)}
}

// One goroutine and one descriptor watch all waiting requests, and neither is
// left afterwards.
//
//nolint:paralleltest // It counts goroutines and descriptors.
func TestContextGoroutines(t *testing.T) {
	t.Run("first", waiting) // fasthttp starts goroutines that stay
	before := count(t)
	t.Run("second", waiting)
	end := time.Now().Add(patience)
	for now := count(t); now.goroutines > before.goroutines || now.descriptors > before.descriptors; now = count(t) {
		if time.Now().After(end) {
			t.Fatalf("afterwards: got %+v, want %+v", now, before)
		}
		runtime.Gosched()
	}
}

// waiting makes many requests that wait with a context. Some are answered.
func waiting(t *testing.T) {
	const requests = 200
	proceed := make(chan struct{})
	p := mount(t, site{}, func(p *plainApp) {
		p.app.Get("/count", func(c *fiber.Ctx) error {
			p.entered <- t.Context()
			<-proceed
			return p.wait(c)
		})
	})
	clients := make([]*conn, requests)
	for i := range clients {
		clients[i] = p.dial()
		clients[i].send(t, "GET /count HTTP/1.1\r\nHost: a.example\r\n\r\n")
		p.enter(t)
	}
	without := count(t)
	close(proceed)
	for range clients {
		p.enter(t)
	}
	with := count(t)
	if more := with.goroutines - without.goroutines; more > 1 {
		t.Errorf("goroutines for %d contexts: got %d, want 1", requests, more)
	}
	if more := with.descriptors - without.descriptors; more > 1 {
		t.Errorf("descriptors for %d contexts: got %d, want 1", requests, more)
	}
	for range requests / 2 {
		p.release <- struct{}{}
	}
	for _, c := range clients {
		_ = c.Close()
	}
}

// descriptors returns the number of open descriptors, or 0 where the system
// does not tell.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatalf("descriptors: %v", err)
	}
	return len(list)
}
