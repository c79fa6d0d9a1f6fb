//go:build linux

// Package proc pins processes to cores and reads what they use, from Linux.
package proc
