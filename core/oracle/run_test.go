package oracle_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// patience is for how long a run may take until it is taken for one that hangs.
const patience = 90 * time.Second

// run does one run, and checks it.
func run(t *testing.T, s settings) *tally {
	t.Helper()
	f := newFixture(t, s)
	for n := range clients {
		f.clients = append(f.clients, newClient(f, n))
	}
	late := time.AfterFunc(patience, f.giveUp)
	defer late.Stop()
	var reading, publishing, mutating sync.WaitGroup
	for _, c := range f.clients {
		reading.Go(c.run)
	}
	for n := range publishers {
		publishing.Go(newPublisher(f, n).run)
	}
	mutating.Go(newMutator(f).run)
	mutating.Go(func() { f.restartAtTimes(publishers * s.size) })
	publishing.Wait()
	f.model.finish()
	mutating.Wait()
	f.publishFinal()
	reading.Wait()
	if !f.late() {
		f.awaitClosed()
		f.check()
	}
	if t.Failed() {
		t.Logf("%s: to repeat: go test ./core/oracle -run Oracle -seed %d; %+v", s.kind, s.seed, s)
	}
	return &f.tally
}

// restartAtTimes restarts the hub as often as the settings say, spread over the
// run.
func (f *fixture) restartAtTimes(operations int) {
	for n := range f.restarts {
		f.model.await(operations / (f.restarts + 1))
		if f.model.ended() {
			return
		}
		f.restart((int(f.seed)+n)%2 == 0)
	}
}

// publishFinal publishes the last event of each channel, which tells clients
// that they have everything.
func (f *fixture) publishFinal() {
	f.publishLock.Lock()
	defer f.publishLock.Unlock()
	in := f.instance.Load()
	last := &final{gen: in.gen, seq: make(map[string]uint64)}
	for n, name := range allChannels() {
		e := &event{number: -100 - n, channel: name, ev: core.Event{Data: strconv.Itoa(-100 - n), Key: "final"}, start: f.model.now()}
		id, err := in.hub.Publish(f.Context(), name, e.ev)
		e.id, e.end = id, f.model.now()
		_, seq, ok := parsePosition(id)
		if err != nil || !ok {
			f.Errorf("the last event of %s: got %q, %v", name, id, err)
			continue
		}
		last.seq[name] = seq
		if err := f.model.record(in.gen, seq, e); err != nil {
			f.Error(err)
		}
	}
	f.final.Store(last)
}

// awaitClosed waits until the server has closed the streams of all clients.
func (f *fixture) awaitClosed() {
	ended := make(chan struct{})
	go func() {
		f.open.Wait()
		close(ended)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		f.Fatal("streams are open though their clients are gone")
	}
	hub := f.instance.Load().hub
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	if err := hub.Drain(ctx); err != nil {
		f.Errorf("Drain: %v", err)
	}
	if got := hub.Stats().Streams; got != 0 {
		f.Errorf("got %d streams in the end, want none", got)
	}
	for _, c := range hub.Channels() {
		if c.Streams != 0 {
			f.Errorf("got %d streams on %s in the end, want none", c.Streams, c.Name)
		}
	}
}

// giveUp ends a run that hangs.
func (f *fixture) giveUp() {
	f.mu.Lock()
	conns := f.conns
	f.conns = nil
	f.mu.Unlock()
	f.Errorf("the run hangs")
	last := f.final.Load()
	for _, c := range f.clients {
		if c.mu.TryLock() {
			if v := c.now; v != nil {
				v.mu.Lock()
				f.Logf("client %d %+v: visit %s to %d, on %q, after %+v, ended for %v; last events %+v", c.number, c.start, v.key, v.gen, current(v.channels), v.after, v.reason, last)
				v.mu.Unlock()
			}
			c.mu.Unlock()
		}
	}
	for conn := range conns {
		_ = conn.Close()
	}
	f.model.finish()
}

// late reports whether the run was given up.
func (f *fixture) late() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conns == nil
}

// track records a client's connection, untrack removes it.
func (f *fixture) track(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conns == nil {
		_ = conn.Close()
		return
	}
	f.conns[conn] = struct{}{}
}

func (f *fixture) untrack(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, conn)
}
