//go:build linux

// Package wire is what the server and the load agree on: the data of an
// event, and the clock that both read.
package wire

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// The mark stands at the end of an event's data, so that whoever has read it
// has nearly the whole event: a number of 12 digits, and a time of 19 digits.
const (
	mark       = '@'
	seqDigits  = 12
	timeDigits = 19
	markLen    = 1 + seqDigits + 1 + timeDigits
	tail       = `"}`

	// MinData is the size of the shortest data.
	MinData = len(head) + markLen + len(tail)
	// Data is the size of the data in most scenarios.
	Data = 130
)

// head begins the data, the way an application's would.
const head = `{"stock":"IBM","value":567.29,"pad":"`

// Now returns the time in nanoseconds of the machine's monotonic clock, which
// all its processes share.
func Now() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // Linux has had this clock since 2.6.
	}
	return now.Nano()
}

// AppendData appends the data of an event: size bytes, or [MinData] if that is
// more, that hold the event's number in its channel and the time when it was
// due. Neither may be negative.
func AppendData(dst []byte, size int, seq, at int64) []byte {
	dst = append(dst, head...)
	for range size - MinData {
		dst = append(dst, 'x')
	}
	return fmt.Appendf(dst, "%c%0*d:%0*d%s", mark, seqDigits, seq, timeDigits, at, tail)
}

// Parse finds the mark in an event. It reports false for an event, or a
// comment, that has none.
func Parse(event []byte) (seq, at int64, ok bool) {
	i := bytes.IndexByte(event, mark)
	if i < 0 || len(event) < i+markLen {
		return 0, 0, false
	}
	seq, ok = number(event[i+1 : i+1+seqDigits])
	if !ok || event[i+1+seqDigits] != ':' {
		return 0, 0, false
	}
	at, ok = number(event[i+1+seqDigits+1 : i+markLen])
	return seq, at, ok
}

// number reads digits, few enough that they fit.
func number(digits []byte) (n int64, ok bool) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, true
}
