package nodetest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/cluster"
	"github.com/tidings-go/tidings/core/history"
)

// Cluster tests what nodes that share a storage tell each other through it. open
// opens a store on the storage.
func Cluster(t *testing.T, open func() history.Store) {
	t.Helper()
	nodes := make([]*cluster.Node, 3)
	gates := make([]http.Handler, len(nodes))
	for i := range nodes {
		nodes[i], gates[i] = joined(t, open())
	}
	server := httptest.NewServer(gates[2])
	defer server.Close()
	defer connect(t, server.URL)()
	for _, n := range nodes {
		eventually(t, "count of streams", func() bool { return n.Count("a") == 1 && len(n.Peers()) == len(nodes) })
	}
	if streams, err := nodes[0].StreamsOf(t.Context(), "bob"); err != nil || len(streams) != 1 || streams[0].Node != nodes[2].ID() {
		t.Errorf("StreamsOf: got %v, error %v, want one of the third node", streams, err)
	}
	if err := nodes[0].Revoke(t.Context(), "bob", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		eventually(t, "no stream after it was revoked", func() bool { return n.Count("a") == 0 })
	}
	_, late := joined(t, open())
	w := httptest.NewRecorder()
	late.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("revoked, at a node that started later: got status %d, want 403", w.Code)
	}
	var first atomic.Int64
	var busy sync.WaitGroup
	for i := range 30 {
		busy.Go(func() {
			ok, err := nodes[i%len(nodes)].Spend(t.Context(), "ticket", time.Now())
			if err != nil {
				t.Errorf("Spend: %v", err)
			}
			if ok {
				first.Add(1)
			}
		})
	}
	busy.Wait()
	if first.Load() != 1 {
		t.Errorf("a ticket: redeemed %d times, want once", first.Load())
	}
}

// joined returns a node, and a gate whose streams are bob's.
func joined(t *testing.T, store history.Store) (*cluster.Node, http.Handler) {
	t.Helper()
	hub := New(t, store).Hub
	n, err := cluster.Join(t.Context(), hub, store, cluster.Config{Interval: 50 * time.Millisecond, Timeout: Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity("bob")
		return nil
	}}})
	return n, gate.Subscribe("a")
}

// connect opens a stream, and returns a function that closes it.
func connect(t *testing.T, url string) (leave func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	answer, err := transport.RoundTrip(r) //nolint:bodyclose // The function that is returned closes it.
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = answer.Body.Close()
		transport.CloseIdleConnections()
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(Patience); !holds(); Pause(t.Context(), 0.005) {
		if time.Now().After(limit) {
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}
