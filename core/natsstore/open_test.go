package natsstore_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
)

// A node that starts reads all that is there, however few messages the connection
// lets wait.
func TestOpenOnManyEvents(t *testing.T) {
	t.Parallel()
	cfg := named(natsstore.Config{Retention: nodetest.Retention()})
	one := nodetest.New(t, open(t, shared.URL(), cfg))
	batch := make([]core.Publication, core.MaxBatch)
	for i := range batch {
		batch[i] = core.Publication{Channel: "a", Event: core.Event{Data: "x"}}
	}
	for range 20 {
		if _, err := one.PublishBatch(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := nats.Connect(shared.URL(), nats.SyncQueueLen(16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	store, err := natsstore.New(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := nodetest.New(t, store).Position(), one.Position(); got != want {
		t.Errorf("Position after New: got %s, want %s", got, want)
	}
}
