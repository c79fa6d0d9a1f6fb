package nodetest

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// chaos is how long TestChaos publishes. With the default, it has a tenth of the
// clients, so that it fits into everybody's day.
var chaos = flag.Duration("chaos", 4*time.Second, "how long TestChaos publishes; with 2m it is the whole test")

// Engine is the server that holds the storage.
type Engine interface {
	// Kill ends the server as kill -9 does.
	Kill() error
	// Start starts it again, and waits until it answers.
	Start() error
}

// Chaos tests three nodes in processes of their own, clients that come back to any of them,
// and publishers that try again elsewhere, while nodes are killed and started at
// random, and the engine with them: every client gets every event once, in one
// order. The test's main function must call [Serve].
func Chaos(t *testing.T, engine Engine, storage string) {
	t.Helper()
	clients, rate := 60, 100
	if *chaos >= time.Minute {
		clients, rate = 600, 200
	}
	nodes := processes(t, 3, storage)
	ctx, cancel := context.WithTimeout(t.Context(), 4**chaos+time.Minute)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	f := &field{nodes: nodes, client: &http.Client{Transport: transport}}

	var publishers, readers, killer sync.WaitGroup
	each := int(chaos.Seconds() * float64(rate) / float64(len(channels())))
	began := time.Now()
	for _, channel := range channels() {
		publishers.Go(func() { f.publish(ctx, channel, each, time.Second*time.Duration(len(channels()))/time.Duration(rate)) })
	}
	logs := make([]log, clients)
	for i := range logs {
		readers.Go(func() { logs[i] = f.read(ctx, each*len(channels())) })
	}
	killing, stop := context.WithCancel(ctx)
	defer stop()
	kills, crashes := 0, 0
	killer.Go(func() {
		for Pause(killing, min(chaos.Seconds()/8, 4)) {
			p := nodes[rand.IntN(len(nodes))]
			p.kill()
			if kills++; kills%3 == 0 {
				crashes++
				if err := engine.Kill(); err != nil {
					t.Errorf("killing the engine: %v", err)
				}
				Pause(killing, 0.2)
				if err := engine.Start(); err != nil {
					t.Errorf("starting the engine: %v", err)
				}
			}
			if err := p.start(); err != nil {
				t.Errorf("starting a node: %v", err)
			}
		}
	})
	publishers.Wait()
	published := time.Since(began)
	stop()
	killer.Wait()
	readers.Wait()
	for i, l := range logs {
		if l.wrong != "" {
			t.Errorf("client %d: %s", i, l.wrong)
		} else if !slices.Equal(l.data, logs[0].data) {
			t.Errorf("client %d has another order than client 0", i)
		}
	}
	t.Logf("%d clients, %d events each in %v, %d connections; nodes killed %d times, the engine %d times; %d publications tried again",
		clients, each*len(channels()), published.Round(time.Second/10), f.connections.Load(), kills, crashes, f.retries.Load())
}
