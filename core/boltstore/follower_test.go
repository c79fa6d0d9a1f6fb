package boltstore_test

import (
	"context"
	"net/http"
	gosync "sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// follower is a client that records the events that it receives, and reconnects
// with the last ID when its connection ends.
type follower struct {
	url string

	mu     gosync.Mutex
	ids    []string
	resets []string
	news   chan struct{} // with capacity 1: the follower received something
}

func newFollower(url string) *follower { return &follower{url: url, news: make(chan struct{}, 1)} }

// follow reads until ctx ends.
func (r *follower) follow(ctx context.Context, client *http.Client) {
	for ctx.Err() == nil {
		r.connect(ctx, client)
	}
}

// connect reads until the connection ends.
func (r *follower) connect(ctx context.Context, client *http.Client) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	if n := len(r.ids); n > 0 {
		request.Header.Set("Last-Event-ID", r.ids[n-1])
	}
	r.mu.Unlock()
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	for event, err := range core.NewDecoder(response.Body, core.DecoderConfig{}).All() {
		if err != nil {
			return
		}
		r.mu.Lock()
		if event.Name == "stockupdate" {
			r.ids = append(r.ids, event.ID)
		} else {
			r.resets = append(r.resets, event.Data)
		}
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// wait waits until the follower has received an event, and returns the IDs of
// all events that it has received.
func (r *follower) wait(t *testing.T, id string) []string {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		r.mu.Lock()
		ids, resets := r.ids, r.resets
		r.mu.Unlock()
		if len(resets) > 0 {
			t.Fatalf("%s: got resets %q, want none", r.url, resets)
		}
		if len(ids) > 0 && seqOf(t, ids[len(ids)-1]) >= seqOf(t, id) {
			return ids
		}
		select {
		case <-r.news:
		case <-limit.C:
			t.Fatalf("%s: got %d events, want them up to %s", r.url, len(ids), id)
		}
	}
}

func seqOf(t *testing.T, id string) uint64 {
	t.Helper()
	p, ok := core.ParsePosition(id)
	if !ok {
		t.Fatalf("got ID %q, want a position", id)
	}
	return p.Seq
}

// inOrder fails unless the IDs are those of the events 1 to n, in order.
func inOrder(t *testing.T, who string, ids []string) {
	t.Helper()
	for i, id := range ids {
		if got, want := seqOf(t, id), uint64(i+1); got != want {
			t.Fatalf("%s: event %d: got ID %s, want number %d", who, i, id, want)
		}
	}
}
