//go:build !linux

package netwatch

const canPoll = false

func hungUp(uintptr) bool { return false }
