package core

import (
	"runtime"
	"strings"
)

// calledByHub reports whether the caller runs in a goroutine that Close waits
// for: in a hook, a filter, or a method of the store that the hub called there.
func calledByHub() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	for frames, more := runtime.CallersFrames(pcs[:n]), true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		name, ours := strings.CutPrefix(frame.Function, "github.com/tidings-go/tidings/core.")
		if !ours {
			continue
		}
		switch name {
		case "(*shard).run", "(*pool).work", "(*Opening).Own":
			return true
		}
	}
	return false
}
