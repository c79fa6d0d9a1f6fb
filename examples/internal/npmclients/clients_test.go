package npmclients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) {
	// fasthttp's clock never ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// client is a client from npm, and what it needs.
type client struct {
	script  string
	dialect core.Dialect
	start   core.Start
	chat    string // protocol of the chats that it reads, or empty if it reads events
	most    int64  // connections are cut within so many bytes
	reset   string // how it learns of a gap
}

func clients() []client {
	return []client{
		{script: "eventsource", dialect: core.NodeEventSource(), most: 3000, reset: "unknown"},
		{script: "eventsource-parser", dialect: core.NodeEventSource(), most: 3000, reset: "unknown"},
		{script: "fetch-event-source", most: 3000, reset: "unknown"},
		{script: "json-lines", dialect: core.Dialect{Format: core.JSONLines, Envelope: true}, most: 3000, reset: "unknown"},
		{
			script: "tanstack-ai-client", dialect: core.TanStackAI(), chat: agUI, start: core.Earliest(), most: 3000,
			reset: "RUN_ERROR events are missing: unknown",
		},
		// These two read a stream from its beginning after a cut.
		{
			script: "ai", dialect: core.AISDK(), chat: aiSDK, start: core.Earliest(), most: 30_000,
			reset: "error events are missing: unknown",
		},
		{
			script: "ag-ui-client", dialect: core.AGUI(), chat: agUI, start: core.Earliest(), most: 30_000,
			reset: "RUN_ERROR events are missing: unknown",
		},
	}
}

// TestClients has each client read a stream of Gin and of Fiber through cuts at
// random places. What it hands out must be what was published: nothing is
// missing, twice, or half.
func TestClients(t *testing.T) {
	t.Parallel()
	dir := install(t)
	for _, framework := range sampletest.Frameworks() {
		for _, c := range clients() {
			t.Run(framework+"/"+c.script, func(t *testing.T) {
				t.Parallel()
				s := serve(t, framework, c)
				proxy := sampletest.StartCuttingProxy(t, s.url, c.most)
				got := c.run(t, dir, proxy.URL+"/events", s.url+"/reset", func() {
					t.Cleanup(func() { <-s.published })
					go s.publish(t)
				})
				<-s.published
				if got.Cuts == 0 {
					t.Error("got no cuts")
				}
				if !slices.Equal(got.Items, s.items) {
					t.Errorf("got %d events, want %d: %s", len(got.Items), len(s.items), difference(got.Items, s.items))
				}
				if got.Text != s.text {
					t.Errorf("got the text %q, want %q", got.Text, s.text)
				}
				if got.Reset != c.reset {
					t.Errorf("of a gap: got %q, want %q", got.Reset, c.reset)
				}
				t.Logf("%s: %d cuts", c.script, got.Cuts)
			})
		}
	}
}

// item is an event as a client hands it out.
type item struct {
	ID   string `json:"id"`
	Data string `json:"data"`
}

// difference describes where two lists differ.
func difference(got, want []item) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("at %d, got %+v, want %+v", i, got[i], want[i])
		}
	}
	return "one ends early"
}

// result is what a script prints at its end.
type result struct {
	Items []item `json:"items"`
	Text  string `json:"text"`
	Cuts  int    `json:"cuts"`
	Reset string `json:"reset"`
}

// run runs the client's script, calls ready when the script says so, and returns
// its result.
func (c client) run(t *testing.T, dir, url, reset string, ready func()) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*sampletest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", c.script+".mjs", url, reset)
	cmd.Dir = dir
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("node: %v", err)
	}
	var r result
	lines := bufio.NewReader(out)
	_, readErr := lines.ReadString('\n')
	if readErr == nil {
		ready()
		var rest []byte
		if rest, readErr = io.ReadAll(lines); readErr == nil {
			readErr = json.Unmarshal(rest, &r)
		}
	}
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		t.Fatalf("%s: %v\n%s", c.script, err, log.String())
	}
	return r
}

// install installs the packages of the lock file in a directory of the test.
func install(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if ext := filepath.Ext(name); ext != ".mjs" && ext != ".json" {
			continue
		}
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}
