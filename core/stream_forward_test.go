package core_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// Events that arrive during a write are sent with one flush.
func TestConcurrentSendsShareAFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := openSender(t, core.GateConfig{})
		c.conn.block()
		var senders sync.WaitGroup
		for i := range 100 {
			senders.Go(func() {
				if err := s.Send(event(strconv.Itoa(i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		c.conn.unblock()
		senders.Wait()
		if got := len(c.conn.sent()); got != 3 { // the head, the first, all others
			t.Errorf("got %d flushes, want 3", got)
		}
		if got := strings.Count(c.conn.text(), "data: "); got != 100 {
			t.Errorf("got %d events, want 100", got)
		}
	})
}

// Nothing is written after Run has returned: the adapter may reuse the
// response.
func TestRunWaitsForTheWriteInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		results := make(chan error, 2)
		streams, finish := make(chan *core.Sender), make(chan struct{})
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
			streams <- s
			<-finish
			return nil
		}))
		s := <-streams
		c.conn.block()
		for range 2 {
			go func() { results <- s.Send(event("a")) }()
			synctest.Wait()
		}
		close(finish)
		synctest.Wait()
		select {
		case <-c.done:
			t.Error("got Run returned while a write was in progress")
		default:
		}
		c.conn.unblock()
		// What is being written is sent; what waits behind it is not.
		<-c.done
		if err := errors.Join(<-results, <-results); !errors.Is(err, core.ErrClosed) {
			t.Errorf("got %v, want %v for the second one", err, core.ErrClosed)
		}
		wantText(t, c.conn.text(1, 2), "data: a\n\n")
	})
}

func TestNothingIsWrittenAfterRun(t *testing.T) {
	t.Parallel()
	for range 50 {
		var senders sync.WaitGroup
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
			for range 4 {
				senders.Go(func() {
					for s.Send(event("x")) == nil {
					}
				})
			}
			return s.Send(event("y"))
		}))
		<-c.done
		senders.Wait()
	}
}

// openForward opens a stream that forwards from a channel, and returns what
// Forward returned once it has.
func openForward(t *testing.T, events <-chan core.Event) (c *memClient, result <-chan error) {
	t.Helper()
	results := make(chan error, 1)
	return connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
		results <- s.Forward(events)
		return nil
	})), results
}

func TestForwardSendsWhatIsReadyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		events := make(chan core.Event, 200)
		c, result := openForward(t, events)
		synctest.Wait()
		c.conn.block()
		for i := range 101 {
			events <- event(strconv.Itoa(i))
			synctest.Wait()
		}
		close(events)
		c.conn.unblock()
		if err := <-result; err != nil {
			t.Errorf("got %v, want nil when the channel is closed", err)
		}
		<-c.done
		var want strings.Builder
		for i := range 101 {
			fmt.Fprintf(&want, "data: %d\n\n", i)
		}
		wantText(t, c.conn.text(1, 2, 3), want.String())
		if got := len(c.conn.sent()); got != 4 { // the head, 1, 64, 36
			t.Errorf("got %d flushes, want 4", got)
		}
	})
}

func TestForwardEndsWithTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, result := openForward(t, make(chan core.Event))
		synctest.Wait()
		c.hangUp()
		wantReason(t, <-result, core.ErrClientGone)
	})
}

func TestForwardStopsAtABadEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		events := make(chan core.Event, 3)
		c, result := openForward(t, events)
		synctest.Wait()
		events <- core.Event{Name: "\n"}
		var bad *core.FieldError
		if err := <-result; !errors.As(err, &bad) {
			t.Errorf("got %v, want a FieldError", err)
		}
		<-c.done
		wantText(t, c.conn.text(), "retry: 3000\n\n: open\n\n")
	})
}

// sequence returns an iterator over numbered events, that calls at before
// each, and ends with an error if that is not nil.
func sequence(n int, last error, at func(i int)) iter.Seq2[core.Event, error] {
	return func(yield func(core.Event, error) bool) {
		for i := range n {
			at(i)
			if !yield(event(strconv.Itoa(i)), nil) {
				return
			}
		}
		if last != nil {
			yield(core.Event{}, last)
		}
	}
}

func TestForwardSeqReadsAheadWhileAWriteBlocks(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, last := range []error{nil, boom} {
		t.Run(fmt.Sprint(last), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				conn := newMemConn()
				ctx, hangUp := context.WithCancel(t.Context())
				c := connectAs(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
					err := s.ForwardSeq(sequence(41, last, func(i int) {
						synctest.Wait()
						switch i {
						case 0:
							conn.block()
						case 40:
							conn.unblock()
						}
					}))
					if !errors.Is(err, last) {
						t.Errorf("got %v, want %v", err, last)
					}
					return nil
				}), newRequest(t, ctx), hangUp, conn)
				<-c.done
				if got := strings.Count(c.conn.text(), "data: "); got != 41 {
					t.Errorf("got %d events, want 41: also what came before the error", got)
				}
				// The head, the first, the 39 that came while it was blocked; the
				// last one maybe with them.
				if got := len(c.conn.sent()); got < 3 || got > 4 {
					t.Errorf("got %d flushes, want 3 or 4", got)
				}
			})
		})
	}
}

func TestForwardSeqEndsWithTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *memClient
		result := make(chan error, 1)
		c = connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
			result <- s.ForwardSeq(sequence(1<<30, nil, func(i int) {
				if i == 10 {
					_ = s.Close()
					synctest.Wait()
				}
				if i > 10+65 { // what is read ahead, at most
					t.Errorf("the iterator was asked for event %d after the end", i)
				}
			}))
			return nil
		}))
		wantReason(t, <-result, core.ErrClosed)
		<-c.done
	})
}

func TestForwardSeqStopsAtABadEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bad *core.FieldError
		result := make(chan error, 1)
		connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
			result <- s.ForwardSeq(func(yield func(core.Event, error) bool) {
				for yield(core.Event{ID: "\n"}, nil) {
					synctest.Wait()
				}
			})
			return nil
		}))
		if err := <-result; !errors.As(err, &bad) {
			t.Errorf("got %v, want a FieldError", err)
		}
	})
}

// A panic in the iterator ends the stream, and leaves no goroutine behind:
// synctest would find one.
func TestForwardSeqPanicInIterator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s *core.Sender
		c := connect(t, core.Handle(core.NewHub(core.HubConfig{}), func(own *core.Sender) error {
			s = own
			return s.ForwardSeq(sequence(5, nil, func(i int) {
				if i == 3 {
					panic("boom")
				}
			}))
		}))
		<-c.done
		wantReason(t, s.Err(), core.ErrPanic)
	})
}
