package core

import "time"

// orDefault returns v, or its default if it is 0, or 0 if it is negative.
func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}
