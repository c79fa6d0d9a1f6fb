//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package boltstore

import "os"

// unlock does nothing: on these systems, closing a file unlocks it.
func unlock(*os.File) error { return nil }
