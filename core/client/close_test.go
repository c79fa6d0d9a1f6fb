package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

// TestCloseAtOnce closes clients from another goroutine, over real sockets,
// while the server is silent: in the middle of an event, before the head, and
// while they wait to come back.
func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) % 3 {
		case 0:
			stall("data: a\n\nid: 1\ndata: b")(w, r)
		case 1:
			<-r.Context().Done()
		case 2:
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var slowest time.Duration
	for range 1000 {
		begun := make(chan struct{})
		c := create(t, client.Config{
			URL: server.URL, HTTPClient: &http.Client{Transport: transport, Timeout: patience},
			BeforeRequest: func(*http.Request) error { close(begun); return nil },
		})
		ended := make(chan error, 1)
		go func() { ended <- c.Run(context.Background()) }()
		<-begun
		before := time.Now()
		if err := c.Close(); err != nil {
			t.Fatalf("Close: got error %v, want none", err)
		}
		slowest = max(slowest, time.Since(before))
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("Run: got error %v, want none", err)
			}
		case <-time.After(patience):
			t.Fatalf("Run: got no end after Close, want one")
		}
	}
	t.Logf("the slowest of 1000 took %v", slowest)
	if slowest > time.Second {
		t.Errorf("Close: got %v for the slowest, want it at once", slowest)
	}
}

// TestCloseWithin checks that every handler, and the loop's body, may end the
// run, in each way, and that nothing but Close is called afterwards.
func TestCloseWithin(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for way, want := range map[string]error{"close": nil, "cancel": cause} {
		for _, where := range []string{"open", "comment", "named", "event", "loop", "error", "reconnect", "before"} {
			t.Run(way+"/"+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					var c *client.Client
					var got log
					ended := false
					call := func(name string) {
						if got.add("%s", name); ended {
							t.Errorf("%s: got a call after the end, want none", name)
						}
						if ended = name == where; !ended {
							return
						}
						if way == "close" {
							_ = c.Close()
							_ = c.Close()
						} else {
							cancel(cause)
						}
					}
					reasons := 0
					c = open(t, client.Config{
						BeforeRequest: func(*http.Request) error { call("before"); return nil },
						Handlers: client.Handlers{
							Open:      func(http.Header) { call("open") },
							Comment:   func(string) { call("comment") },
							Named:     map[string]func(client.Event){"x": func(client.Event) { call("named") }},
							Event:     func(client.Event) { call("event") },
							Error:     func(error) error { call("error"); return nil },
							Reconnect: func(client.Reconnect) { call("reconnect") },
							Close: func(reason error) {
								reasons++
								if want == nil && !errors.Is(reason, client.ErrClosed) || want != nil && !errors.Is(reason, want) {
									t.Errorf("reason: got %v, want how it was ended", reason)
								}
							},
						},
					}, cut(": c\n: d\n\nevent: x\nid: 1\ndata: a\n\nevent: x\ndata: b\n\n"))
					for _, err := range c.Events(ctx) {
						if err == nil {
							call("loop")
						} else if !errors.Is(err, want) {
							t.Errorf("got error %v, want %v", err, want)
						}
					}
					equal(t, "calls of Close", reasons, 1)
					if !ended {
						t.Errorf("calls: got %v, want one of %s", &got, where)
					}
				})
			})
		}
	}
}

// TestLeaveAfterCancel leaves the loop in the round in which its context ends:
// then nothing more may be yielded.
func TestLeaveAfterCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reasons log
	c := open(t, client.Config{Handlers: client.Handlers{
		Close: func(reason error) { reasons.add("%v", reason) },
	}}, cut("data: a\n\ndata: b\n\n"))
	for ev, err := range c.Events(ctx) {
		if err != nil {
			t.Errorf("got error %v, want an event", err)
		}
		equal(t, "data", ev.Data, "a")
		cancel()
		break
	}
	equal(t, "reasons", reasons.String(), context.Canceled.Error())
}

// TestClosedBefore checks that a client which was closed, or whose context has
// ended, does not even connect.
func TestClosedBefore(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		var reasons log
		ctx, cancel := context.WithCancel(t.Context())
		c := create(t, client.Config{
			URL:           "http://a.example",
			BeforeRequest: func(*http.Request) error { return errors.New("called") },
			Handlers: client.Handlers{
				Error: func(err error) error { return err },
				Close: func(reason error) { reasons.add("%v", reason) },
			},
		})
		want, reason := context.Canceled, context.Canceled
		if closed {
			want, reason = nil, client.ErrClosed
			_ = c.Close()
		} else {
			cancel()
		}
		if err := c.Run(ctx); !errors.Is(err, want) || reasons.String() != reason.Error() {
			t.Errorf("got error %v and %s told, want %v and %v", err, &reasons, want, reason)
		}
		cancel()
	}
}

// TestRunFromClose checks that the next run may begin in the Close handler of
// the one before, and that it can be ended.
func TestRunFromClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *client.Client
		runs := make(chan error, 1)
		first := true
		c = open(t, client.Config{Handlers: client.Handlers{Close: func(error) {
			if first {
				first = false
				go func() { runs <- c.Run(t.Context()) }()
				synctest.Wait()
			}
		}}}, attempts(answer(http.StatusNoContent, ""), stall()))
		if err := c.Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if err := c.Run(t.Context()); !errors.Is(err, client.ErrRunning) {
			t.Errorf("a third run: got error %v, want %v", err, client.ErrRunning)
		}
		_ = c.Close()
		if err := <-runs; err != nil {
			t.Errorf("the second run: got error %v, want none", err)
		}
	})
}

// TestLeaving checks that a loop may be left and taken up again.
func TestLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reasons log
		c := open(t, client.Config{Handlers: client.Handlers{Close: func(err error) { reasons.add("%v", err) }}},
			func(w http.ResponseWriter, r *http.Request) {
				equal(t, "streams", reasons.String(), strings.TrimSuffix(strings.Repeat(client.ErrClosed.Error()+"\n", len(reasons.lines)), "\n"))
				blocks := []string{"id: 1\ndata: a\n\n", "id: 2\ndata: b\n\n", "id: 3\ndata: c\n\n"}
				stall(blocksAfter(blocks, r.Header.Get("Last-Event-ID"), "\n"))(w, r)
			})
		var got log
		for range 3 {
			for ev, err := range c.Events(t.Context()) {
				if err != nil {
					t.Errorf("got error %v, want none", err)
				}
				got.add("%s", show(ev))
				for _, err := range c.Events(t.Context()) {
					if !errors.Is(err, client.ErrRunning) {
						t.Errorf("a run within a run: got %v, want %v", err, client.ErrRunning)
					}
				}
				break
			}
		}
		equal(t, "events", got.String(), "message \"1\" \"a\"\nmessage \"2\" \"b\"\nmessage \"3\" \"c\"")
		_ = c.Close()
		if more, err := collect(t, c); more != "" || err != nil {
			t.Errorf("after Close: got %q and %v, want nothing", more, err)
		}
	})
}

// TestPanic checks that a panic passes through, and leaves nothing open.
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"open", "comment", "event", "loop", "error", "reconnect", "before", "close"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				panicked := false
				call := func(name string) {
					if name == where && !panicked {
						panicked = true
						panic(name)
					}
				}
				var opened, closed int
				hc := serve(t, attempts(cut(": c\n\ndata: a\n\n")))
				inner := hc.Transport
				hc.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					resp, err := inner.RoundTrip(r)
					if err == nil {
						opened++
						resp.Body = &closeCounter{ReadCloser: resp.Body, closed: &closed}
					}
					return resp, err
				})
				sent := &closeCounter{ReadCloser: io.NopCloser(strings.NewReader("x"))}
				sent.closed = new(int)
				c := create(t, client.Config{
					URL: "http://a.example", HTTPClient: hc,
					GetBody:       func() (io.ReadCloser, error) { return sent, nil },
					BeforeRequest: func(*http.Request) error { call("before"); return nil },
					Handlers: client.Handlers{
						Open:      func(http.Header) { call("open") },
						Comment:   func(string) { call("comment") },
						Event:     func(client.Event) { call("event") },
						Error:     func(error) error { call("error"); return nil },
						Reconnect: func(client.Reconnect) { call("reconnect") },
						Close:     func(error) { call("close") },
					},
				})
				func() {
					defer func() {
						if got := recover(); got != where {
							t.Errorf("recovered: got %v, want %s", got, where)
						}
					}()
					for _, err := range c.Events(t.Context()) {
						_ = err
						call("loop")
					}
				}()
				equal(t, "bodies closed", closed, opened)
				if *sent.closed == 0 {
					t.Errorf("the request's body: got it open, want it closed")
				}
				if err := c.Run(t.Context()); errors.Is(err, client.ErrRunning) {
					t.Errorf("the next run: got error %v, want another", err)
				}
			})
		})
	}
}

// closeCounter counts the bodies that are closed.
type closeCounter struct {
	io.ReadCloser

	done   atomic.Bool
	closed *int
}

func (b *closeCounter) Close() error {
	if !b.done.Swap(true) {
		*b.closed++
	}
	return b.ReadCloser.Close()
}

// TestDeafTransport checks that the end does not wait for a transport that
// does not watch the request's context.
func TestDeafTransport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		c := create(t, client.Config{URL: "http://a.example", HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			resp := response(200, "", "Content-Type", "text/event-stream")
			resp.Body = r
			return resp, nil
		})}})
		ended := make(chan error)
		go func() { ended <- c.Run(t.Context()) }()
		synctest.Wait()
		_ = c.Close()
		if err := <-ended; err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}

// TestRestart checks that a client gives up its connection when told to, and
// does not count that as a failure.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *client.Client
		var got log
		begin := time.Now()
		c = open(t, client.Config{Backoff: client.Backoff{MaxAttempts: 2}, Handlers: client.Handlers{
			Reconnect: func(r client.Reconnect) {
				got.add("reconnect %d after %v: %v", r.Attempt, r.Delay, r.Err)
				if len(got.lines) == 4 {
					c.Restart() // the wait
				}
			},
			Error: func(err error) error { got.add("error %v", err); return nil },
		}}, attempts(stall("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"), cut("retry: 3600000\n\n"), stall("data: c\n\n")))
		c.Restart() // nothing runs
		for ev, err := range c.Events(t.Context()) {
			if err != nil {
				t.Errorf("got error %v, want none", err)
			}
			if got.add("%s", show(ev)); ev.Data == "a" {
				c.Restart()
				equal(t, "last event ID", c.LastEventID(), "1")
			} else {
				_ = c.Close()
			}
		}
		want := "message \"1\" \"a\"\nreconnect 1 after 0s: tidings: restart\n" +
			"error tidings: GET http://a.example: unexpected EOF\nreconnect 2 after "
		if !strings.HasPrefix(got.String(), want) || !strings.HasSuffix(got.String(), "\nmessage \"1\" \"c\"") {
			t.Errorf("got\n%s\nwant\n%s…", &got, want)
		}
		equal(t, "elapsed", time.Since(begin), 0)
	})
}
