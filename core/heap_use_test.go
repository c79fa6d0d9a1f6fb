package core_test

import "runtime"

const mib = 1 << 20

// heapInUse returns how many bytes of the heap are in use.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC() // twice, since what pools hold goes with the second
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
