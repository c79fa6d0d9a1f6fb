//go:build linux

// Package target starts the processes of a measurement, and talks to them: a
// server, whatever it is written in, and the load.
package target

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/proc"
)

// child is a process of this program, or of another build of it, in another
// role.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	pipe   *os.File
	stderr *tail
}

// start starts a program, or this one if there is no path, with other
// arguments, on one core, or on any if it is negative.
func start(program string, core int, args ...string) (*child, error) {
	var err error
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("own program: %w", err)
		}
	}
	c := &child{cmd: exec.Command(program, args...), stderr: &tail{}}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	// A pipe of our own, since it can have a deadline.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	c.pipe, c.out = read, bufio.NewReader(read)
	c.cmd.Stdout, c.cmd.Stderr = write, c.stderr
	var cores []int
	if core >= 0 {
		cores = []int{core}
	}
	err = proc.Start(c.cmd, cores...)
	// The child has a copy.
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	return c, nil
}

// line reads a line of the answers.
func (c *child) line(timeout time.Duration) (string, error) {
	if err := c.pipe.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return "", fmt.Errorf("deadline: %w", err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no answer: %w%s", err, c.stderr.quoted())
	}
	return strings.TrimSpace(line), nil
}

// call sends a command, and waits for its answer.
func (c *child) call(command, answer any, timeout time.Duration) error {
	line, err := json.Marshal(command)
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	if _, err = c.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("command: %w%s", err, c.stderr.quoted())
	}
	reply, err := c.line(timeout)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(reply), answer); err != nil {
		return fmt.Errorf("answer %q: %w", reply, err)
	}
	return nil
}

// close ends the process: it is asked to, and then made to.
func (c *child) close() {
	_ = c.in.Close()
	killer := time.AfterFunc(2*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer killer.Stop()
	// How it ended is of no interest: what it had to say was read before.
	_ = c.cmd.Wait()
	_ = c.pipe.Close()
}

// tail keeps the end of what a process complains about.
type tail struct {
	mu    sync.Mutex
	lines []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, p...)
	if over := len(t.lines) - 2000; over > 0 {
		t.lines = append(t.lines[:0], t.lines[over:]...)
	}
	return len(p), nil
}

func (t *tail) quoted() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 0 {
		return ""
	}
	return "; it said: " + strings.TrimSpace(string(t.lines))
}
