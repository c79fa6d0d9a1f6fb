package sampletest

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

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// programs holds what a sample's tests run, which is built by the first test
// that needs it.
type programs struct {
	dir   string
	build func() error
}

var built programs

// Main runs the tests of a sample, and then looks for goroutines that are left.
// Its programs are in these packages; a program's name is its directory's.
// Default: ./gin and ./fiber. Call it from TestMain; it does not return.
func Main(m *testing.M, packages ...string) {
	flag.Parse()
	if len(packages) == 0 {
		packages = []string{"./gin", "./fiber"}
	}
	dir, err := os.MkdirTemp("", "sample")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = programs{dir: dir, build: sync.OnceValue(func() error {
		out, err := exec.Command("go", append([]string{"build", raceFlag, "-o", dir}, packages...)...).CombinedOutput()
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

// Frameworks returns the names of the two programs.
func Frameworks() []string { return []string{"gin", "fiber"} }

// Program is a running program.
type Program struct {
	// URL is where it serves, without a slash at its end.
	URL string
	// Cmd is the process.
	Cmd *exec.Cmd
	// Done is closed when it has ended, and all that it printed is in Out.
	Done <-chan struct{}
	// Out is what it has printed, but for the first line.
	Out *Transcript

	t   *testing.T
	err error // valid after Done
}

// Transcript is what a program has printed. It is safe for concurrent use.
type Transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (o *Transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns all of it.
func (o *Transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Command returns a program as a command that the test's end kills.
func Command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	if err := built.build(); err != nil {
		t.Fatal(err)
	}
	// Not the test's own context, which ends before the cleanup functions run.
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(built.dir, name), args...)
	// A program with the race detector would sleep for a second at its end.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// Start runs a program on a free port of the loopback interface, unless args
// say where, until the test ends. A data race in it fails the test.
func Start(t *testing.T, framework string, args ...string) *Program {
	t.Helper()
	done := make(chan struct{})
	p := &Program{
		Cmd:  Command(t, framework, append([]string{"-addr", "127.0.0.1:0"}, args...)...),
		Done: done,
		Out:  &Transcript{},
		t:    t,
	}
	stdout, err := p.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Cmd.Stderr = p.Out
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if strings.Contains(p.Out.String(), "DATA RACE") {
			t.Errorf("%s: got a data race, want none:\n%s", framework, p.Out)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", framework, Tail(p.Out.String(), 4<<10))
		}
	})
	first := make(chan string, 1)
	go func() {
		defer close(done)
		r := bufio.NewReader(stdout)
		line, _ := r.ReadString('\n')
		first <- line
		_, _ = io.Copy(p.Out, r)
		p.err = p.Cmd.Wait()
	}()
	select {
	case line := <-first:
		p.URL = strings.TrimSuffix(regexp.MustCompile(`http://\S+/`).FindString(line), "/")
	case <-time.After(Patience):
	}
	if p.URL == "" {
		t.Fatalf("%s %v: got no URL, want it in the first line; stderr: %s", framework, args, p.Out)
	}
	return p
}

// Kill kills the program, and waits for its end.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Done
}

// End sends the program a signal, and returns the status that it ends with,
// and how long that took.
func (p *Program) End(signal os.Signal) (code int, took time.Duration) {
	p.t.Helper()
	begin := time.Now()
	p.Signal(signal)
	return p.Wait(), time.Since(begin)
}

// Signal sends the program a signal.
func (p *Program) Signal(signal os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// Wait waits for the program's end, and returns the status that it ends with.
func (p *Program) Wait() (code int) {
	p.t.Helper()
	select {
	case <-p.Done:
	case <-time.After(Patience):
		p.t.Fatalf("the program: got no end within %v, want one", Patience)
	}
	return Status(p.t, p.err)
}

// Interrupt ends the program as Ctrl-C does, and checks that it ends in order
// and within 3 s, whatever is open; the streams that are end with it.
func (p *Program) Interrupt(open ...*Stream) {
	p.t.Helper()
	code, took := p.End(os.Interrupt)
	if code != 0 || took > 3*time.Second {
		p.t.Errorf("after an interrupt: got status %d after %v, want 0 within 3s", code, took)
	}
	for _, s := range open {
		s.End()
	}
}

// Run runs a program that ends by itself.
func Run(t *testing.T, framework string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := Command(t, framework, args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	watch := time.AfterFunc(Patience, func() { _ = cmd.Process.Kill() })
	defer watch.Stop()
	err := cmd.Run()
	return Status(t, err), out.String(), problem.String()
}

// Status returns the exit status that the error of a command stands for.
func Status(t *testing.T, err error) int {
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

// Tail returns the last n bytes of a text.
func Tail(s string, n int) string {
	return s[max(0, len(s)-n):]
}
