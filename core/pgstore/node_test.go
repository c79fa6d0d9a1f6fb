package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// patience bounds how long a test waits before it fails.
const patience = 20 * time.Second

// server starts a cluster for one test.
func server(tb testing.TB, settings ...string) *pgtest.Cluster {
	tb.Helper()
	c, err := cluster.Another(settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Errorf("Stop: %v", err)
		}
	})
	return c
}

// node is a machine of an app: a hub on a store.
type node struct {
	*core.Hub

	store *pgstore.Store
}

// newNode returns a node, which is closed in the end.
func newNode(tb testing.TB, c *pgtest.Cluster, cfg pgstore.Config) node {
	tb.Helper()
	return hubOn(tb, openOn(tb, c, cfg))
}

// hubOn returns a node on a store, which is closed in the end.
func hubOn(tb testing.TB, store *pgstore.Store) node {
	tb.Helper()
	hub := core.NewHub(core.HubConfig{Store: store})
	tb.Cleanup(func() {
		if err := hub.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return node{hub, store}
}

// publish publishes an event and returns its ID.
func (n node) publish(tb testing.TB, channel, data string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	id, err := n.Publish(ctx, channel, core.Event{Data: data})
	if err != nil {
		tb.Fatalf("Publish %q: %v", data, err)
	}
	return id
}

// reader collects what a subscriber gets.
type reader struct {
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	data  []string
	ids   []string
	gaps  []history.GapReason
	err   error
	moved chan struct{} // closed with every change
}

// read subscribes.
func (n node) read(tb testing.TB, sub core.Subscription) *reader {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	r := &reader{stop: cancel, done: make(chan struct{}), moved: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(r.done)
		events := n.Subscribe(ctx, sub)
		close(ready)
		for d, err := range events {
			r.add(d, err)
		}
	}()
	<-ready
	tb.Cleanup(func() { cancel(); <-r.done })
	return r
}

func (r *reader) add(d core.Delivery, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gap := (*core.GapError)(nil)
	switch {
	case errors.As(err, &gap):
		r.gaps = append(r.gaps, gap.Reason)
		r.data, r.ids = append(r.data, "reset: "+string(gap.Reason)), append(r.ids, "")
	case err != nil:
		r.err = err
	default:
		r.data, r.ids = append(r.data, d.Data), append(r.ids, d.ID)
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// until waits until the reader has what enough asks for, and returns its data.
func (r *reader) until(tb testing.TB, what string, enough func(data []string) bool) []string {
	tb.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		r.mu.Lock()
		data, moved, err := slices.Clone(r.data), r.moved, r.err
		r.mu.Unlock()
		if enough(data) {
			return data
		}
		if err != nil {
			tb.Fatalf("%s: the subscription ended: %v", what, err)
		}
		select {
		case <-moved:
		case <-timeout.C:
			tb.Fatalf("%s: after %v, got %d: %q", what, patience, len(data), data[max(0, len(data)-20):])
		}
	}
}

// wants waits for exactly these data.
func (r *reader) wants(tb testing.TB, what string, want ...string) {
	tb.Helper()
	got := r.until(tb, what, func(data []string) bool { return len(data) >= len(want) })
	if !slices.Equal(got, want) {
		tb.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

// numbers returns "prefix from" to "prefix to".
func numbers(prefix string, from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("%s %d", prefix, i))
	}
	return all
}

// join returns the elements of all lists.
func join(lists ...[]string) []string { return slices.Concat(lists...) }

// poolOn returns connections for the app itself.
func poolOn(tb testing.TB, c *pgtest.Cluster, most int) *pgxpool.Pool {
	tb.Helper()
	pc, err := pgxpool.ParseConfig(c.DSN("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	pc.MaxConns = int32(most)
	pool, err := pgxpool.NewWithConfig(tb.Context(), pc)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}
