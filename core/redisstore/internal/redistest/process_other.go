//go:build !linux

package redistest

import "syscall"

// process makes a program the leader of its group.
func process() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
