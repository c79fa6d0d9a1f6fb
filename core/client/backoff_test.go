package client_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

// holdOpen returns a handler that sends text and keeps its stream open for a while.
func holdOpen(d time.Duration, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream(text)(w, r)
		time.Sleep(d) // in a bubble
	}
}

// after returns a handler that keeps a stream open for a while.
func after(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream()(w, r)
		time.Sleep(d) // in a bubble
		h(w, r)
	}
}

// TestBackoff checks the delays between attempts.
func TestBackoff(t *testing.T) {
	t.Parallel()
	const s = time.Second
	refuse := answer(http.StatusServiceUnavailable, "")
	short, long := cut("data: a\n\n"), after(11*s, cut("data: a\n\n"))
	poll, pollInOrder := "retry: 2000\ndata: a\n\n", stream("retry: 2000\ndata: a\n\n")
	greedy, eternal := stream("retry: 0\ndata: a\n\n"), stream("retry: 9223372036854775807\ndata: a\n\n")
	tests := []struct {
		name     string
		backoff  client.Backoff
		handlers []http.HandlerFunc
		want     []time.Duration
		attempts []int
	}{
		{"doubled, up to the limit", client.Backoff{}, repeat(refuse, 6), []time.Duration{3 * s, 6 * s, 12 * s, 24 * s, 30 * s, 30 * s}, []int{2, 3, 4, 5, 6, 7}},
		{"own delay and limit", client.Backoff{Delay: s, MaxDelay: 2500 * time.Millisecond}, repeat(refuse, 3), []time.Duration{s, 2 * s, 2500 * time.Millisecond}, []int{2, 3, 4}},
		{"no delay at first", client.Backoff{Delay: -1}, repeat(refuse, 3), []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond}, []int{2, 3, 4}},
		{"streams that were short are failures", client.Backoff{}, repeat(short, 3), []time.Duration{3 * s, 6 * s, 12 * s}, []int{2, 3, 4}},
		{"streams that ended in order, too", client.Backoff{}, repeat(stream("data: a\n\n"), 3), []time.Duration{3 * s, 6 * s, 12 * s}, []int{2, 3, 4}},
		{"a healthy stream resets", client.Backoff{}, []http.HandlerFunc{refuse, refuse, long, refuse, refuse}, []time.Duration{3 * s, 6 * s, 3 * s, 3 * s, 6 * s}, []int{2, 3, 1, 2, 3}},
		{"all are healthy", client.Backoff{Healthy: -1}, []http.HandlerFunc{refuse, refuse, short, short, short}, []time.Duration{3 * s, 6 * s, 3 * s, 3 * s, 3 * s}, []int{2, 3, 1, 1, 1}},
		{"healthy later", client.Backoff{Healthy: 12 * s}, repeat(long, 3), []time.Duration{3 * s, 6 * s, 12 * s}, []int{2, 3, 4}},
		{"polling", client.Backoff{}, repeat(pollInOrder, 3), []time.Duration{2 * s, 2 * s, 2 * s}, []int{1, 1, 1}},
		{"polling, cut off", client.Backoff{}, repeat(cut(poll), 3), []time.Duration{2 * s, 4 * s, 8 * s}, []int{2, 3, 4}},
		{"polling, as often as a server can ask for", client.Backoff{}, repeat(stream("retry: 500\ndata: a\n\n"), 3), []time.Duration{s / 2, s / 2, s / 2}, []int{1, 1, 1}},
		{"polling, more often", client.Backoff{}, repeat(stream("retry: 499\ndata: a\n\n"), 3), []time.Duration{s / 2, s, 2 * s}, []int{2, 3, 4}},
		{"polling, without a pause", client.Backoff{}, repeat(greedy, 8), []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}, []int{2, 3, 4, 5, 6, 7, 8, 9}},
		{"polling, the server waits", client.Backoff{}, repeat(holdOpen(s/2, "retry: 0\ndata: a\n\n"), 3), []time.Duration{s / 2, s / 2, s / 2}, []int{1, 1, 1}},
		{"polling, all are healthy", client.Backoff{Healthy: -1}, repeat(greedy, 3), []time.Duration{s / 2, s / 2, s / 2}, []int{1, 1, 1}},
		{"no pause after healthy streams", client.Backoff{}, repeat(holdOpen(11*s, "retry: 0\ndata: a\n\n"), 2), []time.Duration{s / 2, s / 2}, []int{1, 1}},
		{"own least delay", client.Backoff{MinServerDelay: s}, repeat(greedy, 3), []time.Duration{s, 2 * s, 4 * s}, []int{2, 3, 4}},
		{"no least delay", client.Backoff{MinServerDelay: -1}, repeat(greedy, 3), []time.Duration{0, 0, 0}, []int{1, 1, 1}},
		{"least delay, and own limit", client.Backoff{MaxDelay: s / 4}, repeat(greedy, 2), []time.Duration{s / 4, s / 4}, []int{2, 3}},
		{"least delay, and own delay", client.Backoff{Delay: -1}, []http.HandlerFunc{stream("data: a\n\n"), greedy}, []time.Duration{0, s}, []int{2, 3}},
		{"polling, hardly ever", client.Backoff{}, repeat(eternal, 2), []time.Duration{3600 * s, 3600 * s}, []int{1, 1}},
		{"own longest delay", client.Backoff{MaxServerDelay: s}, repeat(eternal, 2), []time.Duration{s, s}, []int{1, 1}},
		{"limits that contradict each other", client.Backoff{MinServerDelay: 3 * s, MaxServerDelay: 2 * s}, []http.HandlerFunc{cut("retry: 1\n\n")}, []time.Duration{2 * s}, []int{2}},
		{"the server's delay grows, too", client.Backoff{}, []http.HandlerFunc{cut("retry: 40000\n\n"), refuse}, []time.Duration{40 * s, 40 * s}, []int{2, 3}},
		{"the server's delay is limited", client.Backoff{MaxDelay: s}, []http.HandlerFunc{cut("retry: 40000\n\n"), refuse}, []time.Duration{s, s}, []int{2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.backoff.Jitter = -1
				var told []client.Reconnect
				var ended, began []time.Time
				cfg := client.Config{Backoff: tt.backoff, RetryStatus: client.TemporaryStatus, Handlers: client.Handlers{
					Reconnect: func(r client.Reconnect) {
						told = append(told, r)
						ended = append(ended, time.Now())
					},
				}}
				cfg.BeforeRequest = func(*http.Request) error {
					began = append(began, time.Now())
					return nil
				}
				if err := open(t, cfg, attempts(tt.handlers...)).Run(t.Context()); err != nil {
					t.Errorf("got error %v, want none", err)
				}
				if len(told) != len(tt.want) {
					t.Fatalf("reconnects: got %d, want %d", len(told), len(tt.want))
				}
				for i, r := range told {
					if r.Delay != tt.want[i] || began[i+1].Sub(ended[i]) != r.Delay || r.Attempt != tt.attempts[i] || r.Err == nil {
						t.Errorf("reconnect %d: got %+v after %v, want a delay of %v and attempt %d", i, r, began[i+1].Sub(ended[i]), tt.want[i], tt.attempts[i])
					}
				}
			})
		})
	}
}

func repeat(h http.HandlerFunc, n int) []http.HandlerFunc {
	all := make([]http.HandlerFunc, n)
	for i := range all {
		all[i] = h
	}
	return all
}

// TestJitter checks that delays differ, and that none is shorter than it must
// be, nor much longer.
func TestJitter(t *testing.T) {
	t.Parallel()
	for jitter, most := range map[float64]time.Duration{0: 1500 * time.Millisecond, 1: 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			seen := make(map[time.Duration]bool)
			for range 100 {
				c := open(t, client.Config{Backoff: client.Backoff{Delay: time.Second, Jitter: jitter}, Handlers: client.Handlers{
					Reconnect: func(r client.Reconnect) {
						seen[r.Delay] = true
						if r.Delay < time.Second || r.Delay > most {
							t.Errorf("delay: got %v, want one from 1s to %v", r.Delay, most)
						}
					},
				}}, attempts(cut()))
				if err := c.Run(t.Context()); err != nil {
					t.Errorf("got error %v, want none", err)
				}
			}
			if len(seen) < 50 {
				t.Errorf("delays: got %d different ones, want many", len(seen))
			}
		})
	}
}

// TestGivingUp checks the limits on attempts and time, and the veto.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	veto := errors.New("enough")
	refuse, long := answer(http.StatusServiceUnavailable, ""), after(time.Minute, cut("data: a\n\n"))
	tests := []struct {
		name     string
		cfg      client.Config
		handlers []http.HandlerFunc
		reason   client.Reason
		attempts int
		requests int
		elapsed  time.Duration
		err      error
	}{
		{"attempts", client.Config{Backoff: client.Backoff{MaxAttempts: 3}}, repeat(refuse, 9), client.OutOfAttempts, 3, 3, 9 * time.Second, nil},
		{"attempts, one", client.Config{Backoff: client.Backoff{MaxAttempts: 1}}, repeat(refuse, 9), client.OutOfAttempts, 1, 1, 0, nil},
		{"attempts, after a healthy stream", client.Config{Backoff: client.Backoff{MaxAttempts: 2}}, append([]http.HandlerFunc{refuse, long}, repeat(refuse, 9)...), client.OutOfAttempts, 2, 4, 69 * time.Second, nil},
		{"time", client.Config{Backoff: client.Backoff{MaxElapsed: 20 * time.Second}}, repeat(refuse, 9), client.OutOfTime, 3, 3, 9 * time.Second, nil},
		{"time, after a healthy stream", client.Config{Backoff: client.Backoff{MaxElapsed: 20 * time.Second}}, append([]http.HandlerFunc{long}, repeat(refuse, 9)...), client.OutOfTime, 3, 4, 72 * time.Second, nil},
		{"veto", client.Config{Handlers: client.Handlers{Error: func(error) error { return veto }}}, repeat(refuse, 9), client.Vetoed, 1, 1, 0, veto},
		{"veto after a stream's end", client.Config{Handlers: client.Handlers{Error: func(err error) error {
			if errors.Is(err, io.EOF) {
				return veto
			}
			return nil
		}}}, []http.HandlerFunc{refuse, stream("data: a\n\n")}, client.Vetoed, 2, 2, 3 * time.Second, veto},
		{"a veto of what ends anyway", client.Config{Handlers: client.Handlers{Error: func(error) error { return veto }}}, repeat(answer(http.StatusGone, ""), 9), client.Refused, 1, 1, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests, begin := 0, time.Now()
				tt.cfg.Backoff.Jitter = -1
				tt.cfg.RetryStatus = client.TemporaryStatus
				var reason error
				tt.cfg.Handlers.Close = func(err error) { reason = err }
				all := attempts(tt.handlers...)
				err := open(t, tt.cfg, func(w http.ResponseWriter, r *http.Request) {
					requests++
					all(w, r)
				}).Run(t.Context())
				wantReason(t, err, tt.reason)
				var e *client.Error
				if !errors.As(err, &e) || e.Attempts != tt.attempts || !errors.Is(err, tt.err) && tt.err != nil {
					t.Errorf("got error %+v, want %d attempts and %v", err, tt.attempts, tt.err)
				}
				equal(t, "requests", requests, tt.requests)
				equal(t, "elapsed", time.Since(begin), tt.elapsed)
				equal(t, "reason told", reason, err)
			})
		})
	}
}
