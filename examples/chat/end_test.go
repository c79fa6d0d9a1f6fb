package chat_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestInterrupt checks that the program ends in time and order with streams
// open.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	each(t, func(run fixture) {
		t, p := run.t, run.p
		visitors := []*visitor{enter(t, p, "alice"), enter(t, p, "bob"), enter(t, p, "carol")}
		visitors = append(visitors, enter(t, p, "alice", "Cookie", visitors[0].cookie))
		visitors[1].until(`{"online":3}`)
		visitors[2].Cut() // its grace period begins
		visitors[1].until(`["alice","bob"]`)
		code, took := p.End(os.Interrupt)
		t.Logf("it took %v", took.Round(time.Millisecond))
		if code != 0 || took > 3*time.Second {
			t.Errorf("after an interrupt: got status %d after %v, want 0 within 3s", code, took)
		}
		for _, i := range []int{0, 1, 3} {
			visitors[i].End()
			if got := visitors[i].Raw.String(); strings.Count(got, "retry: ") != 2 {
				t.Errorf("stream %d: got %q, want a farewell", i, sampletest.Tail(got, 100))
			}
		}
		if out := p.Out.String(); strings.Contains(out, "level=WARN") || strings.Contains(out, "level=ERROR") {
			t.Errorf("the log: got %s, want nothing that went wrong", out)
		}
	}, "-grace", "1s")
}

// TestCommandLine checks what is made of flags.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				args []string
				code int
				says string
			}{
				{[]string{"-help"}, 0, "-grace"},
				{[]string{"-grace", "-1s"}, 2, "must not be negative"},
				{[]string{"-history", "0"}, 2, "must be 1 or more"},
				{[]string{"-addr", "nonsense"}, 1, "nonsense"},
			} {
				code, _, stderr := sampletest.Run(t, framework, tt.args...)
				if code != tt.code || !strings.Contains(stderr, tt.says) {
					t.Errorf("%q: got status %d and %q, want %d and something of %q", tt.args, code, stderr, tt.code, tt.says)
				}
			}
		})
	}
}
