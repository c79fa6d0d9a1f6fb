package main_test

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestChaos kills and starts nodes at random, all of them once, and the engine
// once: 20 clients get every price once.
func TestChaos(t *testing.T) {
	t.Parallel()
	c := start(t)
	rs := read(t, c.URL, 20)
	rs.more(10)
	c.await("20 viewers on all nodes", func(s state) bool { return s.Viewers == 20 || *engine != "" })
	for step := range 16 {
		switch {
		case step == 6 && *engine == "":
			c.press("engine", "kill")
			c.await("nodes that miss the engine", func(s state) bool { return s.up() == 0 })
			c.press("engine", "start")
		case step == 11:
			for _, l := range c.state().Nodes {
				if l.State != "down" {
					c.press(l.Name, "kill")
				}
			}
			c.press("fiber", "start")
		default:
			c.upset()
		}
		rs.more(20)
	}
	rs.judge()
	c.Interrupt()
}

// upset kills or starts a node, and leaves one.
func (c *cluster) upset() {
	c.t.Helper()
	s := c.state()
	l := s.Nodes[rand.IntN(len(s.Nodes))]
	others := 0
	for _, other := range s.Nodes {
		if other.State != "down" && other.Name != l.Name {
			others++
		}
	}
	switch {
	case l.State == "down":
		c.press(l.Name, "start")
	case others > 0:
		c.press(l.Name, "kill")
	}
}

// TestRolling restarts all nodes, one after the other: clients lose nothing, and
// there is no moment without a node.
func TestRolling(t *testing.T) {
	t.Parallel()
	c := start(t)
	rs := read(t, c.URL, 10)
	rs.more(10)
	before := c.state()
	if got := sampletest.Ask(t, http.MethodPost, c.URL+"/cluster/rolling"); got.StatusCode != http.StatusNoContent {
		t.Fatalf("rolling: got %s, want it begun", got.Status)
	}
	if got := sampletest.Ask(t, http.MethodPost, c.URL+"/cluster/rolling"); got.StatusCode != http.StatusConflict {
		t.Errorf("another one meanwhile: got %s, want 409", got.Status)
	}
	c.await("the end of the restart", func(s state) bool {
		if s.up() == 0 {
			t.Errorf("meanwhile: got %+v, want a node that is up", s)
		}
		return s.Rolling == ""
	})
	after := c.state()
	for i, l := range after.Nodes {
		if l.State != "up" || l.PID == before.Nodes[i].PID {
			t.Errorf("%s: got %s, process %d, want another one than before, up", l.Name, l.State, l.PID)
		}
	}
	rs.more(20)
	rs.judge()
	c.Interrupt()
}
