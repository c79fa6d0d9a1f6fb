package main_test

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// The viewer, and the two samples that it looks at.
func TestMain(m *testing.M) { sampletest.Main(m, ".", "../stocks/gin", "../stocks/fiber") }

// viewer is a running one.
type viewer struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner // of what it prints
	stderr sampletest.Transcript
}

// start starts the viewer, which the test's end kills.
func start(t *testing.T, stdin io.Reader, args ...string) *viewer {
	t.Helper()
	v := &viewer{cmd: sampletest.Command(t, "client", args...)}
	v.cmd.Stdin = stdin
	v.cmd.Stderr = &v.stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.lines = bufio.NewScanner(out)
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Then reading ends, and the test fails.
	watch := time.AfterFunc(4*sampletest.Patience+*soak, func() { _ = v.cmd.Process.Kill() })
	t.Cleanup(func() {
		watch.Stop()
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait()
		said := v.stderr.String()
		if strings.Contains(said, "DATA RACE") {
			t.Errorf("got a data race, want none:\n%s", said)
		} else if t.Failed() {
			t.Logf("client %v said:\n%s", args, sampletest.Tail(said, 4<<10))
		}
	})
	return v
}

// line returns the next line that the viewer prints.
func (v *viewer) line(t *testing.T) string {
	t.Helper()
	if !v.lines.Scan() {
		t.Fatalf("standard output: got its end, want another line; standard error: %s", &v.stderr)
	}
	return v.lines.Text()
}

// end returns what else the viewer prints, and its exit status.
func (v *viewer) end(t *testing.T) (rest string, status int) {
	t.Helper()
	var lines []string
	for v.lines.Scan() {
		lines = append(lines, v.lines.Text())
	}
	return strings.Join(lines, "\n"), sampletest.Status(t, v.cmd.Wait())
}
