//go:build linux

package deploy_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// restarts is how often nodes are restarted, in all.
var restarts = flag.Int("restarts", 4, "number of restarts, such as 20")

func TestMain(m *testing.M) { sampletest.Main(m, "./node") }

const (
	sources = 5 // a browser opens six connections to a host
	// bare leaves nginx out.
	bare = "bare"
	// spare has nginx answer a browser so that it comes back, where no node does.
	spare = `error_page 502 503 504 =200 @retry;`

	plain     = "EventSource"
	companion = "(await import('/tidings.js')).Source"
)

// TestRollingRestarts restarts nodes, most of them behind nginx, while a browser
// reads from them. Once, no node runs until the browser has asked for one. No
// answer of a node's may end an event source for good, and no answer at all one
// of the companion. Where all events are in one history, none may be lost, and
// none come twice.
func TestRollingRestarts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		nodes  int
		spare  string
		source string
	}{
		{"one bare node", 1, bare, plain},
		{"one node", 1, "", plain},
		{"one node, error_page", 1, spare, plain},
		{"one node, companion", 1, "", companion},
		{"two nodes", 2, "", plain},
		{"two nodes, error_page", 2, spare, plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, tt.nodes, tt.spare)
			c.browse(tt.source)
			stop := c.publish()
			c.b.Await("sources.every(s => s.last > 0)")
			for i := range *restarts {
				c.restart(i%tt.nodes, i == 1)
				c.awaitStreams(sources/2 + 1)
			}
			last := stop()
			if tt.nodes == 1 {
				c.b.Await(fmt.Sprintf("sources.every(s => s.last === %d)", last))
			} else {
				c.b.Await("sources.every(s => s.state === 1)")
			}
			c.judge(tt.nodes == 1, tt.spare != "" || tt.source == companion)
		})
	}
}

// cluster is some nodes behind nginx, and a browser before it.
type cluster struct {
	t     *testing.T
	nodes []*sampletest.Program
	args  [][]string
	url   string            // where the browser asks
	nginx *sampletest.Nginx // nil without one
	b     *sampletest.Browser
}

func start(t *testing.T, nodes int, spare string) *cluster {
	t.Helper()
	c := &cluster{t: t}
	var addresses []string
	for range nodes {
		// Not an address from which clients connect: a port that is free while a
		// node restarts would become theirs.
		args := []string{"-db", filepath.Join(t.TempDir(), "node.db"), "-addr"}
		node := sampletest.Start(t, "node", append(args, "127.0.0.2:0")...)
		address := strings.TrimPrefix(node.URL, "http://")
		c.nodes = append(c.nodes, node)
		c.args = append(c.args, append(args, address))
		// By default, nginx asks no node for 10 s that was absent once, and nodes
		// follow each other faster here.
		addresses = append(addresses, address+" max_fails=0")
	}
	if spare == bare {
		c.url = c.nodes[0].URL
		return c
	}
	c.nginx = sampletest.StartNginx(t, addresses, `
		location / { proxy_pass http://nodes; }
		location /events { proxy_pass http://nodes; `+spare+` }
		location @retry { default_type text/event-stream; return 200 "retry: 500\n\n"; }`)
	c.url = c.nginx.URL
	return c
}

// browse opens a page with event sources of a kind.
func (c *cluster) browse(kind string) {
	c.t.Helper()
	script, err := os.ReadFile("testdata/sources.js")
	if err != nil {
		c.t.Fatal(err)
	}
	c.b = sampletest.NewBrowserFor(c.t, time.Duration(4+*restarts)*sampletest.Patience)
	c.b.Do(chromedp.Navigate(c.url), chromedp.Evaluate[chromedp.Void](string(script)))
	c.b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("(async () => open_(%d, %s))()", sources, kind)))
	c.b.Await("sources.length > 0 && sources.every(s => s.state === 1)")
}

// publish publishes numbers through nginx until stop is called, which returns
// the last one. What no node took is sent again.
func (c *cluster) publish() (stop func() (last int)) {
	stopped := make(chan struct{})
	var publisher sync.WaitGroup
	next := 1
	client := sampletest.Client(c.t)
	publisher.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			if c.post(client, next) {
				next++
			}
			select {
			case <-stopped:
				return
			case <-ticker.C:
			}
		}
	})
	stop = sync.OnceValue(func() int {
		close(stopped)
		publisher.Wait()
		return next - 1
	})
	c.t.Cleanup(func() { stop() })
	return stop
}

// post publishes a number, and reports whether a node took it.
func (c *cluster) post(client *http.Client, number int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), sampletest.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/publish/%d", c.url, number), http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// restart restarts a node; or all of them, and not before the browser has asked
// for an absent one.
func (c *cluster) restart(node int, all bool) {
	c.t.Helper()
	chosen := []int{node}
	if all {
		for i := range c.nodes {
			if i != node {
				chosen = append(chosen, i)
			}
		}
	}
	for _, i := range chosen {
		if code, _ := c.nodes[i].End(syscall.SIGTERM); code != 0 {
			c.t.Errorf("node %d: got status %d after SIGTERM, want 0", i, code)
		}
	}
	switch {
	case all && c.nginx != nil:
		sampletest.Eventually(c.t, "answers of nginx for an absent node", func() bool { return c.count().nginx >= sources })
	case all:
		const errors = "sources.reduce((n, s) => n + s.errors, 0)"
		c.b.Await(fmt.Sprintf("%s > %d", errors, sampletest.Value[int](c.b, errors)+sources))
	}
	for _, i := range chosen {
		c.nodes[i] = sampletest.Start(c.t, "node", c.args[i]...)
	}
}

// awaitStreams waits until so many streams are open at all nodes together.
func (c *cluster) awaitStreams(want int) {
	c.t.Helper()
	sampletest.Eventually(c.t, "streams at the nodes", func() bool {
		got := 0
		for _, node := range c.nodes {
			streams, _ := sampletest.Stats(c.t, node.URL)
			got += streams
		}
		return got >= want
	})
}

// answers are counts of the answers to requests for events.
type answers struct {
	nginx  int // of nginx, because it reached no node
	deadly int // with another status than 200, nginx's among them
	nodes  int // with another status than 200, of a node
}

func (c *cluster) count() (a answers) {
	c.t.Helper()
	if c.nginx == nil {
		return answers{}
	}
	for _, r := range c.nginx.Answered() {
		if !strings.HasPrefix(r.Path, "/events") || r.Status == "499" { // the browser left
			continue
		}
		if r.Upstream == "502" {
			a.nginx++
		}
		if r.Status != "200" {
			a.deadly++
			if r.Upstream != "502" {
				a.nodes++
			}
		}
	}
	return a
}

// judge judges what has become of the event sources.
func (c *cluster) judge(complete, spared bool) {
	c.t.Helper()
	type source struct{ Last, Lost, Twice, Resets, Errors, Dead int }
	var sum source
	for _, s := range sampletest.Value[[]source](c.b, "sources") {
		sum.Last = max(sum.Last, s.Last)
		sum.Lost += s.Lost
		sum.Twice += s.Twice
		sum.Resets += s.Resets
		sum.Errors += s.Errors
		sum.Dead += s.Dead
	}
	got := c.count()
	c.t.Logf("%d restarts, %d sources, %d connections: %d answered by nginx for an absent node, %d by nodes with a status; %d times dead",
		*restarts, sources, sum.Errors+sources, got.nginx, got.nodes, sum.Dead)
	wantDead := got.deadly
	if spared {
		wantDead = 0
	}
	if got.nodes != 0 || sum.Dead != wantDead || got.nginx == 0 && c.nginx != nil {
		c.t.Errorf("got sources dead %d times and the answers %+v, want them dead only after nginx's own", sum.Dead, got)
	}
	if !complete {
		return // each node has a history of its own
	}
	c.t.Logf("%d events: %d lost, %d twice, %d resets", sum.Last, sum.Lost, sum.Twice, sum.Resets)
	if sum.Lost != 0 || sum.Twice != 0 || sum.Resets != 0 {
		c.t.Errorf("got %d events lost, %d twice and %d resets, want none", sum.Lost, sum.Twice, sum.Resets)
	}
}
