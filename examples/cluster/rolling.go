package main

import (
	"context"
	"time"
)

// roll begins a rolling restart: one node after the other is ended in order and
// started again, as a deploy does it. Nodes that are down are started first.
func (c *cluster) roll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
		return errEnding
	case c.rolling != "":
		return errRolling
	}
	c.rolling = c.nodes[0].look.Name
	c.running.Go(func() {
		defer c.at("")
		for _, m := range c.nodes {
			_ = m.start() // or it runs
		}
		for _, m := range c.nodes {
			if !c.awaitAll(ctx) {
				return
			}
			c.at(m.look.Name)
			_ = m.terminate(drainDelay + 2*drainGrace) // somebody may have killed it
			_ = m.start()                              // or started it
		}
		c.awaitAll(ctx)
	})
	return nil
}

// at notes which node a rolling restart is at.
func (c *cluster) at(name string) {
	c.mu.Lock()
	c.rolling = name
	c.mu.Unlock()
	c.tell()
}

// awaitAll waits until all nodes are up. If one is killed meanwhile, it gives up.
func (c *cluster) awaitAll(ctx context.Context) bool {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		ready := 0
		for _, m := range c.nodes {
			switch l, _ := m.now(); l.State {
			case up:
				ready++
			case down:
				return false
			}
		}
		if ready == len(c.nodes) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}
