package sharedstore

import "time"

// OrDefault returns v, or byDefault if v is not positive.
func OrDefault[T int | time.Duration](v, byDefault T) T {
	if v <= 0 {
		return byDefault
	}
	return v
}
