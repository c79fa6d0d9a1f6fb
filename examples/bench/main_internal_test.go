//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/report"
	"github.com/tidings-go/tidings/examples/bench/internal/target"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// TestMain makes this test's program what the runner starts, too.
func TestMain(m *testing.M) {
	if done, err := role(os.Args[1:]); done {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestEveryoneDelivers checks the counters with a load so small that every
// contender must deliver all of it, once, in order.
func TestEveryoneDelivers(t *testing.T) {
	t.Parallel()
	all := contender.All()
	for _, c := range all {
		if contender.IsTidings(c.Name) {
			all = append(all, c.BehindNginx())
		}
	}
	if target.HasNchan() {
		all = append(all, contender.Contender{Name: contender.Nchan, Replays: true})
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			delivers(t, c)
		})
	}
}

// Sizes of the smoke test.
const (
	smokeClients  = 30
	smokeChannels = 3
	smokeEvents   = 60
)

func delivers(t *testing.T, c contender.Contender) {
	t.Helper()
	nowhere := target.Cores{Server: -1, Load: -1}
	server, err := target.Start(
		c.Name, contender.Config{Channels: smokeChannels, History: c.Replays}, target.Place{Cores: nowhere},
	)
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
		r, err := generator.Do(c)
		if err != nil {
			t.Fatal(err)
		}
		if r.TimedOut {
			t.Fatalf("%s timed out: %+v", c.Do, r)
		}
		return r
	}
	publish := func(events int) {
		t.Helper()
		done, err := server.Publish(wire.Order{
			Rate: 100, Events: events, Size: wire.Data, Channels: smokeChannels, Grace: 10 * time.Second,
		})
		if err != nil || done.Published != events || done.Blocked || done.Error != "" {
			t.Fatalf("got %+v, %v, want %d events published", done, err, events)
		}
	}
	connect := load.Command{Do: "connect", Addr: server.Addr(), Clients: smokeClients, Channels: smokeChannels, Window: 16}

	if r := do(connect); r.Open != smokeClients || r.Refused != 0 {
		t.Fatalf("got %+v, want %d clients connected", r, smokeClients)
	}
	publish(smokeEvents)
	// Each event has a third of the clients.
	want := int64(smokeEvents * smokeClients / smokeChannels)
	r := do(load.Command{Do: "wait", Events: want})
	if r.Events != want || r.Duplicates != 0 || r.Missing != 0 || r.Disconnected != 0 || r.Open != smokeClients {
		t.Errorf("got %+v, want %d events, each once", r, want)
	}
	if r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 || r.Max > time.Minute {
		t.Errorf("got delays %v, %v, %v, want plausible ones", r.P50, r.P99, r.Max)
	}
	if !c.Replays {
		return
	}

	do(load.Command{Do: "close"})
	publish(smokeEvents)
	do(load.Command{Do: "reset"})
	connect.Resume = true
	if r := do(connect); r.Open != smokeClients {
		t.Fatalf("got %+v, want %d clients back", r, smokeClients)
	}
	// Some contenders send the last event again; none may skip one.
	if r := do(load.Command{Do: "wait", Events: want}); r.Events != want || r.Missing != 0 {
		t.Errorf("got %+v, want the %d missed events", r, want)
	} else if contender.IsTidings(c.Name) && r.Duplicates != 0 {
		t.Errorf("got %d events twice, want none", r.Duplicates)
	}
}

// TestRun runs the whole program, in small.
func TestRun(t *testing.T) { //nolint:paralleltest // It pins this process to a core.
	dir := t.TempDir()
	file := filepath.Join(dir, "results.json")
	err := run([]string{
		"-quick", "-clients", "20", "-only", contender.Tidings + "," + contender.Raw, "-json", file, "-svg", dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report.Run
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, part := range got.Scenarios {
		if _, err := os.Stat(filepath.Join(dir, part.Name+".svg")); err != nil {
			t.Errorf("no plot: %v", err)
		}
		for _, result := range part.Results {
			if len(result.Errors) > 0 {
				t.Errorf("%s, %s: got errors %q", part.Name, result.Contender, result.Errors)
			}
			if s, ok := result.Span("share"); ok && s.Median != 100 {
				t.Errorf("%s, %s: got %g %% delivered, want all", part.Name, result.Contender, s.Median)
			}
		}
	}
}
