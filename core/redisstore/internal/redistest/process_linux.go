package redistest

import "syscall"

// process makes a program the leader of its group, and ends it with the test.
func process() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
