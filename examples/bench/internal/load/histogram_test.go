//go:build linux

package load_test

import (
	"math"
	"testing"

	"github.com/tidings-go/tidings/examples/bench/internal/load"
)

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	var h load.Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("got %d of nothing, want 0", got)
	}
	const n = 1_000_000
	for v := int64(1); v <= n; v++ {
		h.Record(v)
	}
	for _, q := range []float64{0.001, 0.01, 0.5, 0.9, 0.99, 0.9999, 1} {
		got, want := float64(h.Quantile(q)), q*n
		if math.Abs(got-want) > want*0.02 {
			t.Errorf("quantile %g: got %g, want %g within 2 %%", q, got, want)
		}
	}
	if h.Max() != n {
		t.Errorf("got a highest of %d, want %d", h.Max(), n)
	}
}

func TestHistogramExtremes(t *testing.T) {
	t.Parallel()
	for _, v := range []int64{0, 1, 63, 64, 127, 128, 129, math.MaxInt64 - 1, math.MaxInt64} {
		var h load.Histogram
		h.Record(v)
		h.Record(-1)
		if got := h.Quantile(1); got != v {
			t.Errorf("got %d, want %d", got, v)
		}
		if got := h.Quantile(0.1); got != 0 {
			t.Errorf("got %d for a negative value, want 0", got)
		}
	}
}
