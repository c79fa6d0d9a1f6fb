//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package boltstore

import "os"

// unlock does nothing where closing a file does it.
func unlock(*os.File) error { return nil }
