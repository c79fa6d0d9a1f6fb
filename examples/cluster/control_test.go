package main_test

import (
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestNonsense checks that requests are refused that no button sends, and change
// nothing.
func TestNonsense(t *testing.T) {
	t.Parallel()
	c := start(t)
	before := c.state()
	for _, tt := range []struct {
		want         int
		method, path string
		header       []string
	}{
		{http.StatusNotFound, http.MethodPost, "/cluster/nobody/kill", nil},
		{http.StatusNotFound, http.MethodPost, "/cluster/gin/nonsense", nil},
		{http.StatusNotFound, http.MethodPost, "/cluster/gin%2Fkill/kill", nil},
		{http.StatusNotFound, http.MethodGet, "/cluster/gin/kill", nil},
		{http.StatusNotFound, http.MethodHead, "/cluster/rolling", nil},
		{http.StatusMethodNotAllowed, http.MethodPost, "/cluster/gin", nil},
		{http.StatusMethodNotAllowed, http.MethodDelete, "/cluster/gin/kill", nil},
		{http.StatusMethodNotAllowed, http.MethodPut, "/cluster/rolling", nil},
		{http.StatusMethodNotAllowed, http.MethodPost, "/events", nil},
		{http.StatusConflict, http.MethodPost, "/cluster/gin/start", nil}, // it runs
		{http.StatusForbidden, http.MethodPost, "/cluster/gin/kill", []string{"Origin", "https://evil.example"}},
		{http.StatusForbidden, http.MethodPost, "/cluster/gin/kill", []string{"Origin", "null"}},
		{http.StatusForbidden, http.MethodPost, "/cluster/gin/kill", []string{"Sec-Fetch-Site", "cross-site"}},
		{http.StatusForbidden, http.MethodPost, "/cluster/rolling", []string{"Sec-Fetch-Site", "same-site"}},
		{http.StatusNotAcceptable, http.MethodGet, "/events", []string{"Accept", "image/png"}},
		{http.StatusNotFound, http.MethodGet, "/healthz", nil}, // it is the nodes' own
	} {
		got := sampletest.Ask(t, tt.method, c.URL+tt.path, tt.header...)
		if got.StatusCode != tt.want {
			t.Errorf("%s %s %v: got %s, want %d", tt.method, tt.path, tt.header, got.Status, tt.want)
		}
	}
	long := sampletest.AskWith(t, http.MethodPost, c.URL+"/cluster/gin/start", strings.Repeat("x", 1<<20))
	if long.StatusCode != http.StatusConflict {
		t.Errorf("a long body: got %s, want 409, as without", long.Status)
	}
	for i, l := range c.state().Nodes {
		if l.PID != before.Nodes[i].PID {
			t.Errorf("%s: got process %d, want %d as before", l.Name, l.PID, before.Nodes[i].PID)
		}
	}
	c.Interrupt()
}

// TestOutage checks what clients are told while no node runs: a browser comes
// back after that.
func TestOutage(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, l := range c.state().Nodes {
		c.press(l.Name, "kill")
		if got := sampletest.Ask(t, http.MethodPost, c.URL+"/cluster/"+l.Name+"/kill"); got.StatusCode != http.StatusConflict {
			t.Errorf("%s, killed again: got %s, want 409", l.Name, got.Status)
		}
	}
	got := sampletest.Ask(t, http.MethodGet, c.URL+"/events", "Accept", "text/event-stream")
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Text, "retry: ") {
		t.Errorf("a browser: got %s, %q, want a time to come back", got.Status, got.Text)
	}
	got = sampletest.Ask(t, http.MethodGet, c.URL+"/events")
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("another client: got %s, %v, want 503 with a time", got.Status, got.Header)
	}
	c.Interrupt()
}

// TestEnd checks that no child is left, whichever way the program ends, and
// whatever is open.
func TestEnd(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			c := start(t)
			s := c.state()
			rs := read(t, c.URL, 3)
			rs.more(1)
			page := sampletest.Open(t, c.URL+"/cluster/events")
			if signal == syscall.SIGKILL {
				c.End(signal)
				page.Cut()
			} else {
				code, took := c.End(signal)
				t.Logf("it took %v", took)
				if code != 0 {
					t.Errorf("after %v: got status %d, want 0", signal, code)
				}
			}
			for _, l := range append(s.Nodes, s.Engine) {
				what := "the end of " + l.Name
				if signal != syscall.SIGKILL && runs(l.PID) {
					t.Errorf("%s: got none, want it before the program's", what)
				}
				sampletest.Eventually(t, what, func() bool { return !runs(l.PID) })
			}
		})
	}
}

// runs reports whether a process runs. One that has ended may wait to be noticed
// by the process that it was left to.
func runs(pid int) bool {
	if pid == 0 { // the engine is not the program's
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if os.IsNotExist(err) && syscall.Kill(pid, 0) == nil {
		return true // no such files on this system
	}
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestStart checks what the program says that cannot start.
func TestStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"-addr " + taken.Addr().String(), 1, "address already in use; choose another port with -addr"},
		{"-addr nonsense", 1, "missing port in address; choose another port with -addr"},
		{"-engine memory", 2, "nodes share nothing in it"},
		{"-engine paper", 2, `-engine is "paper", but must be one of nats, postgres, redis`},
		{"-engine postgres", 2, "-engine postgres needs the -url of a server that runs, like postgres://"},
		{"-engine postgres -url postgres://a:secret@127.0.0.1:1/x", 1, "postgres cannot be used: is it running, and is -url right?"},
		{"-engine redis -url redis://a:secret@127.0.0.1:1", 1, "redis cannot be used: is it running, and is -url right?"},
		{"-url nats://a:secret@127.0.0.1:1", 1, "nats cannot be used: is it running, and is -url right?"},
		{"-engine postgres -url ://a:secret@x", 2, "-url is none"},
		{"-every 0", 2, "-every is 0s, but must be 1ms or more"},
		{"nonsense", 2, `what is "nonsense"?`},
		{"-h", 0, "Usage of cluster:"},
	} {
		code, stdout, stderr := sampletest.Run(t, "cluster", strings.Fields(tt.args)...)
		if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "secret") {
			t.Errorf("%s: got status %d, %q and %q, want %d and %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}
