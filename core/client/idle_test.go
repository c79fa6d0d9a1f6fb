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

// TestIdle checks that a silent server is detected at any point of the stream,
// and that any data counts as activity.
func TestIdle(t *testing.T) {
	t.Parallel()
	const idle = 5 * time.Second
	steps := func(every time.Duration, parts ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for _, part := range parts {
				stream(part)(w, r)
				time.Sleep(every) // in a bubble
			}
			<-r.Context().Done()
		}
	}
	tests := []struct {
		name    string
		timeout time.Duration // of the http.Client
		idle    time.Duration
		handler http.HandlerFunc
		want    string
		after   time.Duration
	}{
		{"before the head", 0, idle, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", idle},
		{"before the head, the client's timeout", idle, 0, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", idle},
		{"before the head, the shorter of both", time.Second, idle, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", time.Second},
		{"before the first byte", 0, idle, stall(), "", idle},
		{"in an event", time.Second, idle, stall("data: a\n\ndata: b"), `message "" "a"`, idle},
		{"after heartbeats", 0, idle, steps(4*time.Second, ":\n", ":\n", ":\n"), "", 13 * time.Second},
		{"after single bytes", 0, idle, steps(4*time.Second, "d", "a", "t", "a"), "", 17 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				hc := serve(t, tt.handler)
				hc.Timeout = tt.timeout
				c := create(t, client.Config{
					URL: "http://a.example", HTTPClient: hc, IdleTimeout: tt.idle, Backoff: client.Backoff{MaxAttempts: 1, Healthy: time.Hour},
				})
				got, err := collect(t, c)
				equal(t, "events", got, tt.want)
				wantReason(t, err, client.OutOfAttempts)
				if !errors.Is(err, client.ErrIdle) || time.Since(begin) != tt.after {
					t.Errorf("got error %v after %v, want %v after %v", err, time.Since(begin), client.ErrIdle, tt.after)
				}
			})
		})
	}
}

// TestIdleResumes checks that a stalled stream is resumed, and that the time in
// which the consumer is busy does not count as idle.
func TestIdleResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reconnects := 0
		hc := serve(t, attempts(stall("id: 1\ndata: a\n\n"), stream("id: 2\ndata: b\n\n"), stream("data: c\n\n")))
		hc.Timeout = time.Second // it must not end the streams
		c := create(t, client.Config{URL: "http://a.example", HTTPClient: hc, IdleTimeout: 5 * time.Second, Handlers: client.Handlers{
			Reconnect: func(r client.Reconnect) {
				if reconnects++; reconnects == 1 && !errors.Is(r.Err, client.ErrIdle) || reconnects > 1 && !errors.Is(r.Err, io.EOF) {
					t.Errorf("reconnect %d: got %v, want the first because the server is silent", reconnects, r.Err)
				}
			},
		}})
		for _, err := range c.Events(t.Context()) {
			if err != nil {
				t.Errorf("got error %v, want none", err)
			}
			time.Sleep(time.Minute) // in a bubble
		}
		equal(t, "reconnects", reconnects, 3)
	})
}
