package monitor

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// maxDelays is how many delays are kept of one second, chosen at random.
const maxDelays = 512

// delay describes how long events took from the store to the write to a client,
// in milliseconds, of the deliveries that the hub sampled in one second.
type delay struct {
	Samples int     `json:"samples"`
	Median  float64 `json:"median"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
}

// delays collects the delays of one second.
type delays struct {
	mu   sync.Mutex
	n    int
	kept []time.Duration
	most time.Duration
}

// observe is an Observer's Delivered.
func (d *delays) observe(one core.Delivered) {
	if !one.Sampled {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	d.most = max(d.most, one.Took)
	if len(d.kept) < maxDelays {
		d.kept = append(d.kept, one.Took)
	} else if i := rand.IntN(d.n); i < maxDelays { //nolint:gosec // A sample needs no secret.
		d.kept[i] = one.Took
	}
}

// take returns what was collected since the last call.
func (d *delays) take() delay {
	d.mu.Lock()
	defer d.mu.Unlock()
	of := delay{Samples: d.n, Max: milliseconds(d.most)}
	if len(d.kept) > 0 {
		slices.Sort(d.kept)
		of.Median = milliseconds(d.kept[len(d.kept)/2])
		of.P99 = milliseconds(d.kept[len(d.kept)*99/100])
	}
	d.n, d.most, d.kept = 0, 0, d.kept[:0]
	return of
}

// milliseconds has three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
