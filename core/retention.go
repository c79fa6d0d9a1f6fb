package core

import "time"

// Retention says how much history a store keeps of each channel. What is over
// any of the bounds is trimmed, oldest first.
type Retention struct {
	// Events bounds the number of events. Default: 1024. Negative: no bound.
	Events int
	// Age bounds their age. Default: no bound.
	Age time.Duration
	// Bytes bounds their size in memory, overhead included. The newest event is
	// kept even if it is larger. Default: 8 MiB. Negative: no bound.
	Bytes int
}

func (r Retention) withDefaults() Retention {
	r.Events = orDefault(r.Events, 1024)
	r.Bytes = orDefault(r.Bytes, 8<<20)
	r.Age = max(r.Age, 0)
	return r
}

// orDefault returns v, or its default if it is 0, or 0 if it is negative.
func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}
