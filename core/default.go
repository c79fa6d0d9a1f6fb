package core

import "time"

// orDefault returns v, or its default if it is 0, or 0 if it is negative.
func orDefault[T int | int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}

// boundOr returns a bound: v, or its default if it is 0, or the largest value if
// it is negative, which is no bound.
func boundOr[T int | time.Duration](v, byDefault T) T {
	if v >= 0 {
		return orDefault(v, byDefault)
	}
	largest := T(1)
	for largest<<1 > largest {
		largest = largest<<1 | 1
	}
	return largest
}
