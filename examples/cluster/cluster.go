package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// cluster is the program without its children: it starts, watches and ends them,
// shows the page, and is the proxy before the nodes.
type cluster struct {
	nodes   []*member
	engine  *member
	proxy   *balancer
	hub     *core.Hub // of the state, in memory
	running sync.WaitGroup

	mu      sync.Mutex
	told    state
	rolling string // the node that is restarted, or nothing
	ending  bool
}

// state is what the page shows of the cluster.
type state struct {
	Nodes  [3]look `json:"nodes"`
	Engine look    `json:"engine"`
	// Viewers is the number of streams on all nodes, as one of them knows it.
	Viewers int `json:"viewers"`
	// Rolling names the node that a rolling restart is at.
	Rolling string `json:"rolling,omitempty"`
}

// newCluster returns a cluster whose processes do not run yet.
func newCluster(o options) (*cluster, error) {
	c := &cluster{hub: core.NewHub(core.HubConfig{})}
	titles := map[string]string{nats: "NATS JetStream", postgres: "Postgres", redis: "Redis"}
	c.engine = &member{look: look{Name: engineName, Title: titles[o.engine], State: up, Fixed: true}}
	if o.url == "" {
		engine, err := newEngine()
		if err != nil {
			return nil, err
		}
		o.url = engine.url()
		c.engine.child, c.engine.look.Fixed = engine, false
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 2, ResponseHeaderTimeout: 5 * time.Second}
	for _, name := range names() {
		c.nodes = append(c.nodes, &member{
			child: child{Name: name, Engine: o.engine, URL: o.url, Every: o.every},
			probe: true,
			http:  &http.Client{Transport: transport},
			look:  look{Name: name, Title: frameworks()[name].title},
		})
	}
	c.proxy = &balancer{nodes: c.nodes, transport: transport}
	return c, nil
}

// run runs the cluster until ctx ends.
func (c *cluster) run(ctx context.Context, l net.Listener) (err error) {
	defer func() { _ = os.RemoveAll(c.engine.child.Dir) }() // "" is nothing
	defer c.running.Wait()
	defer c.end()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if err = c.startAll(ctx); err != nil {
		return err
	}
	for _, m := range c.nodes {
		c.running.Go(func() { m.watch(watching, c.tell) })
	}
	if !c.engine.look.Fixed {
		c.running.Go(func() { c.engine.watch(watching, c.tell) })
	}
	s := &http.Server{Handler: c.routes(ctx), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	_ = s.Close() // streams, too: their clients come back when the program does
	return err
}

// startAll starts the processes, the engine first.
func (c *cluster) startAll(ctx context.Context) error {
	for _, m := range c.members() {
		if err := m.start(); err != nil && !errors.Is(err, errElse) {
			return err
		}
		if m != c.engine || m.look.Fixed {
			continue
		}
		select {
		case <-m.process.served:
			if m.process.addr == "" {
				return errors.New("the engine ended at once, see above; try again, or use one that runs with -url")
			}
		case <-ctx.Done():
		}
	}
	return nil
}

func (c *cluster) members() []*member { return append([]*member{c.engine}, c.nodes...) }

// end ends all processes, the engine last.
func (c *cluster) end() {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	var ending sync.WaitGroup
	for _, m := range c.nodes {
		ending.Go(m.close)
	}
	ending.Wait()
	c.engine.close()
	c.proxy.transport.CloseIdleConnections()
	_ = c.hub.Close() // in memory
}

// state returns what is known of the cluster.
func (c *cluster) state() state {
	c.mu.Lock()
	s := state{Rolling: c.rolling}
	c.mu.Unlock()
	s.Engine, _ = c.engine.now()
	nodes, without := 0, 0
	for i, m := range c.nodes {
		s.Nodes[i], _ = m.now()
		switch s.Nodes[i].State {
		case up:
			if nodes++; nodes == 1 {
				s.Viewers = s.Nodes[i].everywhere
			}
		case away:
			without++
		}
	}
	if s.Engine.Fixed && without > nodes { // only nodes can tell
		s.Engine.State = away
	}
	return s
}

// tell publishes the state if it is not what was published last.
func (c *cluster) tell() {
	s := c.state()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == c.told {
		return
	}
	c.told = s
	ev, err := core.JSONEvent("cluster", s)
	if err == nil {
		_, err = c.hub.Publish(context.Background(), stateChannel, ev)
	}
	if err != nil {
		c.told = state{} // the hub is closed
	}
}
