package stocks_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// programs holds the two programs, which are built by the first test that
// runs one.
type programs struct {
	dir   string
	build func() error
}

var built programs

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "stocks")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = programs{dir: dir, build: sync.OnceValue(func() error {
		out, err := exec.Command("go", "build", raceFlag, "-o", dir, "./gin", "./fiber").CombinedOutput()
		if err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return nil
	})}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(status)
	}))
}

// frameworks returns the names of the programs.
func frameworks() []string { return []string{"gin", "fiber"} }

// program is a running one.
type program struct {
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // valid after done
	out  *transcript
}

// transcript is what a program has printed.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// command returns the program as a command that the test's end kills.
func command(t *testing.T, framework string, args ...string) *exec.Cmd {
	t.Helper()
	if err := built.build(); err != nil {
		t.Fatal(err)
	}
	// Not the test's own context, which ends before the cleanup functions run.
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(built.dir, framework), args...)
	// A program with the race detector would sleep for a second at its end.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start runs a program on a free port of the loopback interface, unless args
// say where, until the test ends.
func start(t *testing.T, framework string, args ...string) *program {
	t.Helper()
	p := &program{
		cmd:  command(t, framework, append([]string{"-addr", "127.0.0.1:0"}, args...)...),
		done: make(chan struct{}),
		out:  &transcript{},
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if strings.Contains(p.out.String(), "DATA RACE") {
			t.Errorf("%s: got a data race, want none:\n%s", framework, p.out)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", framework, tail(p.out.String(), 4<<10))
		}
	})
	first := make(chan string, 1)
	go func() {
		defer close(p.done)
		r := bufio.NewReader(stdout)
		line, _ := r.ReadString('\n')
		first <- line
		_, _ = io.Copy(p.out, r)
		p.err = p.cmd.Wait()
	}()
	select {
	case line := <-first:
		p.url = strings.TrimSuffix(regexp.MustCompile(`http://\S+/`).FindString(line), "/")
	case <-time.After(patience):
	}
	if p.url == "" {
		t.Fatalf("%s %v: got no URL, want it in the first line; stderr: %s", framework, args, p.out)
	}
	return p
}

// wait returns the status that the program ends with.
func (p *program) wait(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		t.Fatalf("the program: got no end within %v, want one", within)
	}
	return status(t, p.err)
}

// status returns the exit status that the error of a command stands for.
func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatalf("the program: got error %v, want an exit status", err)
	return -1
}

func tail(s string, n int) string {
	return s[max(0, len(s)-n):]
}
