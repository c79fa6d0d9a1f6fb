package main_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// Where the tests keep the history. By default, it is where the program does.
var (
	engine = flag.String("engine", "", "engine of the tests, such as postgres")
	url    = flag.String("url", "", "address of that engine")
)

func TestMain(m *testing.M) { sampletest.Main(m, ".") }

// look is a process, as the page sees it.
type look struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	PID     int    `json:"pid"`
	Viewers int    `json:"viewers"`
}

// state is the cluster, as the page sees it.
type state struct {
	Nodes   []look `json:"nodes"`
	Engine  look   `json:"engine"`
	Viewers int    `json:"viewers"`
	Rolling string `json:"rolling"`
}

// up returns how many nodes take clients.
func (s state) up() (n int) {
	for _, l := range s.Nodes {
		if l.State == "up" {
			n++
		}
	}
	return n
}

// cluster is the program, with its children.
type cluster struct {
	*sampletest.Program

	t *testing.T
}

// start starts a cluster whose prices come fast, and waits until it is complete.
func start(t *testing.T) *cluster {
	t.Helper()
	args := []string{"-every", "20ms"}
	if *engine != "" {
		args = append(args, "-engine", *engine, "-url", *url)
	}
	c := &cluster{sampletest.Start(t, "cluster", args...), t}
	c.await("all nodes up", func(s state) bool { return s.up() == 3 })
	return c
}

func (c *cluster) state() state {
	c.t.Helper()
	var answer struct {
		State state `json:"state"`
	}
	got := sampletest.Ask(c.t, http.MethodGet, c.URL+"/cluster/state")
	if err := json.Unmarshal([]byte(got.Text), &answer); err != nil || got.StatusCode != http.StatusOK {
		c.t.Fatalf("state: got %s, %v, %s, want it in JSON", got.Status, err, got.Text)
	}
	return answer.State
}

func (c *cluster) await(what string, is func(state) bool) {
	c.t.Helper()
	sampletest.Eventually(c.t, what, func() bool { return is(c.state()) })
}

// press presses a button of the page.
func (c *cluster) press(member, action string) {
	c.t.Helper()
	path := "/cluster/" + member + "/" + action
	c.t.Log(path)
	if got := sampletest.Ask(c.t, http.MethodPost, c.URL+path); got.StatusCode != http.StatusNoContent {
		c.t.Errorf("%s: got %s, %s, want it done", path, got.Status, got.Text)
	}
}
