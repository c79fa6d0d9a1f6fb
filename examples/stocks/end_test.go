package stocks_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestSignals checks that the program ends in time and order, whatever is
// open.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				name   string
				signal os.Signal
				busy   bool
			}{
				{"interrupt", os.Interrupt, true},
				{"terminate", syscall.SIGTERM, true},
				{"interrupt when idle", os.Interrupt, false},
			} {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					p := sampletest.Start(t, framework, "-min", "1h", "-max", "1h")
					var streams []*sampletest.Stream
					var once net.Conn
					if tt.busy {
						streams, once = openOneOfEach(t, p)
					}
					got, took := p.End(tt.signal)
					t.Logf("it took %v", took.Round(time.Millisecond))
					if got != 0 || took > 3*time.Second {
						t.Errorf("after %v: got status %d after %v, want 0 within 3s", tt.signal, got, took)
					}
					for i, s := range streams {
						s.End()
						// A subscriber receives another retry field.
						if i < 4 && strings.Count(s.Raw.String(), "retry: ") != 2 {
							t.Errorf("stream %d: got %q, want a farewell", i, sampletest.Tail(s.Raw.String(), 100))
						}
					}
					for _, line := range []string{"stream opened", "stream closed"} {
						if got := strings.Count(p.Out.String(), `msg="`+line+`"`); got != len(streams) {
							t.Errorf("lines that say %s: got %d, want %d", line, got, len(streams))
						}
					}
					if once != nil {
						got, _ := io.ReadAll(once)
						if !strings.HasPrefix(string(got), "HTTP/1.1 503 ") {
							t.Errorf("a client that waits for a quote: got %q, want it refused with 503", got)
						}
					}
				})
			}
		})
	}
}

// openOneOfEach opens one of everything: four subscriptions first, and at last a
// connection that waits for a quote.
func openOneOfEach(t *testing.T, p *sampletest.Program) (streams []*sampletest.Stream, once net.Conn) {
	t.Helper()
	for _, path := range []string{
		"/stocks", "/stocks", "/stocks?start=snapshot", "/root/stocks", "/stocks/controller", "/root/stocks/controller",
	} {
		streams = append(streams, sampletest.Open(t, p.URL+path))
	}
	// One connection sends nothing, one does not complete its request.
	for _, text := range []string{"", "GET /stocks HT", "GET /stocks/once HTTP/1.1\r\nHost: x\r\n\r\n"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		once = conn
	}
	all := len(streams) + 1 // the one that waits counts, too
	if got := sampletest.AwaitStreams(t, p.URL, all); got > time.Second {
		t.Errorf("open streams: got %d after %v, want them at once", all, got)
	}
	return streams, once
}

// TestSecondSignal checks that a second Ctrl-C does not wait for the end.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			p := sampletest.Start(t, framework)
			for range 16 { // so that one of them is told late
				sampletest.Open(t, p.URL+"/stocks")
			}
			if err := p.Cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			// Once new streams are refused, the signal has arrived.
			for sampletest.Ask(t, http.MethodHead, p.URL+"/stocks").StatusCode != http.StatusServiceUnavailable {
				continue
			}
			again := time.NewTicker(10 * time.Millisecond) // the first one may not have been dealt with yet
			defer again.Stop()
			for ended := false; !ended; {
				_ = p.Cmd.Process.Signal(os.Interrupt)
				select {
				case <-p.Done:
					ended = true
				case <-again.C:
				}
			}
			state, ok := p.Cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || state.Signal() != syscall.SIGINT {
				t.Errorf("after two interrupts: got %v, want the program killed by the second", p.Cmd.ProcessState)
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			var config net.ListenConfig
			l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			addr := l.Addr().String()
			code, stdout, stderr := sampletest.Run(t, framework, "-addr", addr)
			want := "stocks: listen tcp " + addr + ": bind: address already in use\n"
			if code != 1 || stdout != "" || stderr != want {
				t.Errorf("got status %d, %q and %q, want 1 and %q", code, stdout, stderr, want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				args string
				code int
				want string // in the first line
			}{
				{"-min 2s -max 1s", 2, "-min is 2s, but must not be above -max, which is 1s"},
				{"-min 3s", 2, "-min is 3s, but must not be above -max, which is 2.5s"},
				{"-min -1s", 2, "-min is -1s, but must not be negative"},
				{"-min -2s -max -1s", 2, "must not be negative"},
				{"-min 0 -max 0", 2, "-max is 0s, but must be positive"},
				{"-history 0", 2, "-history is 0, but must be 1 or more"},
				{"-history -5", 2, "-history is -5"},
				{"-history many", 2, `invalid value "many" for flag -history`},
				{"-max soon", 2, `invalid value "soon" for flag -max`},
				{"-nonsense", 2, "flag provided but not defined: -nonsense"},
				{"nonsense", 2, `what is "nonsense"?`},
				{"-addr nonsense", 1, "stocks: listen tcp: address nonsense: missing port in address"},
				{"-h", 0, "Usage of stocks:"},
			} {
				code, stdout, stderr := sampletest.Run(t, framework, strings.Fields(tt.args)...)
				first, _, _ := strings.Cut(stderr, "\n")
				if code != tt.code || stdout != "" || !strings.Contains(first, tt.want) {
					t.Errorf("%s: got status %d, %q and %q, want %d and %q", tt.args, code, stdout, first, tt.code, tt.want)
				}
			}
		})
	}
}
