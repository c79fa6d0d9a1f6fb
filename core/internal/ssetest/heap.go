package ssetest

import "runtime"

// HeapInUse returns how many bytes of the heap are in use.
func HeapInUse() int64 {
	var m runtime.MemStats
	runtime.GC() // twice, since what pools hold goes with the second
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // It is far below.
}
