package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
	peers "github.com/tidings-go/tidings/core/cluster"
)

const (
	// probeEvery is how often the proxy asks nodes how they are.
	probeEvery = 200 * time.Millisecond
	// drainDelay is the time for the proxy to notice that a node ends.
	drainDelay = 3 * probeEvery
	// drainGrace is the time for streams to end, after that.
	drainGrace = 1500 * time.Millisecond
	// shown is how many prices a new client gets.
	shown = 160
)

// States of a process. The first three are what a node says of itself.
const (
	up       = "up"
	away     = "away" // its engine is: streams stay open, nothing comes
	draining = "draining"
	starting = "starting"
	silent   = "silent" // it does not answer
	down     = "down"
)

// node is an app that shares its history with others.
type node struct {
	child

	hub    *core.Hub
	gate   *core.Gate
	others *peers.Node
}

// server is the end of a framework that core knows nothing of. That of an
// [http.Server] has these methods.
type server interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error
}

// greeting tells a page which node it is connected to.
type greeting struct {
	Node string `json:"node"`
	PID  int    `json:"pid"`
}

// health is what a node says at /healthz.
type health struct {
	State   string `json:"state"`
	Viewers int    `json:"viewers"`
	// Everywhere is the number of viewers on all nodes, as this one knows it.
	Everywhere int `json:"everywhere"`
}

// newNode returns a node whose engine is there.
func newNode(ctx context.Context, c child, logger *slog.Logger) (*node, error) {
	store, err := openStore(ctx, c.Engine, c.URL)
	if err != nil {
		return nil, err
	}
	hub := core.NewHub(core.HubConfig{Store: store, DrainDelay: drainDelay, Logger: logger})
	others, err := peers.Join(ctx, hub, store, peers.Config{Name: c.Name, Interval: 500 * time.Millisecond, Logger: logger})
	if err != nil {
		return nil, errors.Join(err, hub.Close())
	}
	gate := core.NewGate(hub, core.GateConfig{
		Retry: 200 * time.Millisecond, RetryJitter: 300 * time.Millisecond, // soon, and not all at once
		Heartbeat: 5 * time.Second, Logger: logger,
		Middleware: []core.Middleware{func(h *core.Handshake) error {
			return h.SendJSON(core.Event{Name: "node"}, greeting{c.Name, os.Getpid()})
		}},
	})
	return &node{child: c, hub: hub, gate: gate, others: others}, nil
}

// close ends what is left of the node.
func (n *node) close() error {
	_ = n.others.Close() // they notice by themselves, too
	return n.hub.Close()
}

// events returns the endpoint of the prices.
func (n *node) events() *core.Endpoint {
	return n.gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{channel}, Start: core.Last(shown)}, nil
	})
}

// health returns the answer for probes. A node whose engine is away serves its
// streams still, and others are no better off: the proxy decides.
func (n *node) health() (status int, h health) {
	status, h = http.StatusOK, health{up, n.hub.Count(channel), n.others.Count(channel)}
	switch err := n.hub.Health(); {
	case errors.Is(err, core.ErrUnavailable):
		status, h.State = http.StatusServiceUnavailable, away
	case err != nil:
		status, h.State = http.StatusServiceUnavailable, draining
	}
	return status, h
}

// runNode runs a node until ctx ends, and then has its clients go elsewhere, unless
// life has ended, too.
func (c child) runNode(life, ctx context.Context, logger *slog.Logger) error {
	n, err := c.awaitNode(ctx, logger)
	if err != nil {
		return err
	}
	defer n.close() //nolint:errcheck // It is for early ends; the last line is for the others.
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := frameworks()[c.Name].serve(n)
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	if err := announce(l.Addr().String()); err != nil {
		return err
	}
	m := market{hub: n.hub, node: c.Name, every: c.Every, logger: logger}
	var trading sync.WaitGroup
	trading.Go(func() { m.run(ctx) })
	defer trading.Wait()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(life, drainDelay+drainGrace)
	defer cancel()
	_ = n.hub.Drain(grace) // not ready; the delay; clients are told when to reconnect
	_ = s.Shutdown(grace)  // other requests end
	return n.close()
}

// awaitNode returns the node. It tries again as long as the engine is away.
func (c child) awaitNode(ctx context.Context, logger *slog.Logger) (*node, error) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for waiting := false; ; waiting = true {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		n, err := newNode(attempt, c, logger)
		cancel()
		if err == nil {
			return n, nil
		}
		if !waiting {
			logger.Warn("waiting for the engine", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
