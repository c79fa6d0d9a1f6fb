package stocks_test

import (
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

// contiguous checks that events are quotes whose IDs count up by one.
func contiguous(t *testing.T, events []core.Event) {
	t.Helper()
	for i, ev := range events {
		if ev.Name != "stockupdate" {
			t.Fatalf("event %d: got name %q, want stockupdate", i, ev.Name)
		}
		if i > 0 && seq(t, ev.ID) != seq(t, events[i-1].ID)+1 {
			t.Fatalf("event %d: got ID %s after %s, want the next one", i, ev.ID, events[i-1].ID)
		}
	}
}

// seq returns which event of a program's an ID stands for.
func seq(t *testing.T, id string) uint64 {
	t.Helper()
	at, ok := core.ParsePosition(id)
	if !ok {
		t.Fatalf("event ID: got %q, want a position", id)
	}
	return at.Seq
}
