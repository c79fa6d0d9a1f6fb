//go:build linux

package load

import "math/bits"

// A bucket is at most 1/64 of its value wide.
const (
	subBits = 6
	buckets = (64 - subBits) << subBits
)

// Histogram counts values of 0 and more, with a resolution of better than 2 %.
// The zero value is empty.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	max    int64
}

// Record counts a value. A negative one counts as 0.
func (h *Histogram) Record(v int64) {
	v = max(v, 0)
	h.counts[bucket(uint64(v))]++
	h.total++
	h.max = max(h.max, v)
}

// bucket returns the index for a value: its upper bits, led by how many there
// are.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// highest returns the highest value of a bucket.
func highest(i int) int64 {
	shift := max(i>>subBits-1, 0)
	return int64((uint64(i-shift<<subBits)+1)<<shift - 1)
}

// Quantile returns a value that the fraction q of all values is not above, or 0
// if there are none.
func (h *Histogram) Quantile(q float64) int64 {
	rank := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= max(rank, 1) {
			return min(highest(i), h.max)
		}
	}
	return h.max
}

// Max returns the highest value.
func (h *Histogram) Max() int64 { return h.max }
