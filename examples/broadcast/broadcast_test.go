package broadcast_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/broadcast"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

func TestPing(t *testing.T) {
	t.Parallel()
	got := broadcast.Ping(time.Date(2026, 1, 2, 4, 5, 6, 7_999_999, time.UTC))
	if got.Name != "ping" || got.Data != "Server time: 04:05:06.007" {
		t.Errorf("got %+v, want a ping at 04:05:06.007", got)
	}
}
