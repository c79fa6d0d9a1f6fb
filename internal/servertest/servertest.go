// Package servertest runs servers such as nginx as child processes of a test.
package servertest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Sockets are listening sockets for a child process, which finds them from
// descriptor 3 on. No port is chosen twice that way. The zero value is empty.
type Sockets struct{ files []*os.File }

// Add adds a socket on the loopback, and returns its descriptor in the child and
// its address.
func (s *Sockets) Add(tb testing.TB) (fd int, addr string) {
	tb.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("listener: %v", err)
	}
	defer func() { _ = listener.Close() }()
	file, err := listener.File()
	if err != nil {
		tb.Fatalf("listener: %v", err)
	}
	s.files = append(s.files, file)
	return len(s.files) + 2, listener.Addr().String()
}

// Start runs a program with the sockets until the test ends. What it has said is
// logged if the test fails.
func (s *Sockets) Start(tb testing.TB, name string, env []string, args ...string) {
	tb.Helper()
	said := &journal{}
	child := exec.Command(program(tb, name), args...) //nolint:gosec,noctx // The test names it, and its cleanup ends it.
	child.Env = append(os.Environ(), env...)
	child.Stdout, child.Stderr = said, said
	child.ExtraFiles = s.files
	if err := child.Start(); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	for _, file := range s.files {
		_ = file.Close() // the child has its own
	}
	tb.Cleanup(func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		_ = child.Wait()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, said)
		}
	})
}

// program returns the path of a program. Debian keeps those of servers where
// only root's PATH leads.
func program(tb testing.TB, name string) string {
	tb.Helper()
	for _, folder := range []string{"", "/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	tb.Fatalf("%s is missing: bash .ci/setup installs it", name)
	return ""
}

// journal keeps the last of what a child process has said.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const keptJournal = 16 << 10

// Write implements [io.Writer].
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, err := j.text.Write(p)
	j.text.Next(max(j.text.Len()-keptJournal, 0))
	return n, err
}

// String returns it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
