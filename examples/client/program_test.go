package main_test

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

// programs holds the viewer and the two samples that it looks at, which are
// built by the first test that needs one.
type programs struct {
	dir   string
	build func() error
}

var built programs

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "client")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = programs{dir: dir, build: sync.OnceValue(func() error {
		out, err := exec.Command("go", "build", raceFlag, "-o", dir, ".", "../stocks/gin", "../stocks/fiber").CombinedOutput()
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

// program is a running one.
type program struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner // of what it prints
	stderr transcript
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

// start starts a program, which the test's end kills.
func start(t *testing.T, name string, stdin io.Reader, args ...string) *program {
	t.Helper()
	if err := built.build(); err != nil {
		t.Fatal(err)
	}
	// Not the test's own context, which ends before the cleanup functions run.
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{cmd: exec.CommandContext(ctx, filepath.Join(built.dir, name), args...)}
	// A program with the race detector would sleep for a second at its end.
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdin = stdin
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watch := time.AfterFunc(4*patience+*soak, cancel) // then reading ends, and the test fails
	t.Cleanup(func() {
		watch.Stop()
		cancel()
		_ = p.cmd.Wait()
		said := p.stderr.String()
		if strings.Contains(said, "DATA RACE") {
			t.Errorf("%s: got a data race, want none:\n%s", name, said)
		} else if t.Failed() {
			t.Logf("%s %v said:\n%s", name, args, said[max(0, len(said)-4096):])
		}
	})
	return p
}

// serve starts one of the samples, and returns its URL.
func serve(t *testing.T, framework string, args ...string) string {
	t.Helper()
	p := start(t, framework, nil, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.lines.Scan()
	url := strings.TrimSuffix(regexp.MustCompile(`http://\S+/`).FindString(p.lines.Text()), "/")
	if url == "" {
		t.Fatalf("%s: got no URL, want it in the first line", framework)
	}
	return url
}

// line returns the next line that a program prints.
func (p *program) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("standard output: got its end, want another line; standard error: %s", &p.stderr)
	}
	return p.lines.Text()
}

// end returns what else a program prints, and its exit status.
func (p *program) end(t *testing.T) (rest string, status int) {
	t.Helper()
	var lines []string
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); errors.As(err, &exit) {
		return strings.Join(lines, "\n"), exit.ExitCode()
	} else if err != nil {
		t.Fatalf("the program: got error %v, want an exit status", err)
	}
	return strings.Join(lines, "\n"), 0
}
