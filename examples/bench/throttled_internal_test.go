//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/target"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// TestThrottled checks that clients read no faster than they are to, and have
// the latest event of every key when they no longer need to be slow.
func TestThrottled(t *testing.T) {
	t.Parallel()
	const clients, keys, events, rate = 10, 7, 300, 2000
	nowhere := target.Cores{Server: -1, Load: -1}
	server, err := target.Start(contender.Tidings, contender.Config{Channels: 1, Keys: keys}, target.Place{Cores: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	generator, err := target.StartLoad(nowhere)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(generator.Close)
	do := func(c load.Command) load.Report {
		t.Helper()
		c.Timeout = 20 * time.Second
		var r load.Report
		if r, err = generator.Do(c); err != nil {
			t.Fatal(err)
		}
		return r
	}

	begin := time.Now()
	do(load.Command{Do: "connect", Addr: server.Addr(), Clients: clients, Window: clients, Rate: rate, Keys: keys})
	do(load.Command{Do: "reset"})
	done, err := server.Publish(wire.Order{Rate: 1000, Events: events, Size: wire.Data, Channels: 1, Grace: 10 * time.Second})
	if err != nil || done.Published != events {
		t.Fatalf("got %+v, %v, want %d events published", done, err, events)
	}
	r := do(load.Command{Do: "mark"})
	// A client's first turn comes at once.
	allowed := int64(clients * rate * (time.Since(begin).Seconds() + 0.1))
	if r.Bytes == 0 || r.Bytes > allowed || r.Events == 0 {
		t.Errorf("got %d bytes and %d events read, want some, and at most %d bytes", r.Bytes, r.Events, allowed)
	}
	if len(r.Parts) != 1 || r.Parts[0] != r.P50 {
		t.Errorf("got %v as the parts' medians, want that of all, %v", r.Parts, r.P50)
	}
	do(load.Command{Do: "release"})
	r = do(load.Command{Do: "wait", Seq: events})
	if r.TimedOut || r.Current != clients || r.Latest != clients*keys || r.Duplicates != 0 || r.Disconnected != 0 {
		t.Errorf("got %+v, want the latest of %d keys at each of %d clients", r, keys, clients)
	}
}
