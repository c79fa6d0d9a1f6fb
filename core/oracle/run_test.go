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
	w := newFixture(t, s)
	for n := range clients {
		w.clients = append(w.clients, newClient(w, n))
	}
	late := time.AfterFunc(patience, w.giveUp)
	defer late.Stop()
	var reading, publishing, meddling sync.WaitGroup
	for _, c := range w.clients {
		reading.Go(c.run)
	}
	for n := range publishers {
		publishing.Go(newPublisher(w, n).run)
	}
	meddling.Go(newMutator(w).run)
	meddling.Go(func() { w.restartAtTimes(publishers * s.size) })
	publishing.Wait()
	w.model.finish()
	meddling.Wait()
	w.publishFinal()
	reading.Wait()
	if !w.late() {
		w.awaitClosed()
		w.check()
	}
	if t.Failed() {
		t.Logf("%s: to repeat: go test ./core/oracle -run Oracle -seed %d; %+v", s.kind, s.seed, s)
	}
	return &w.tally
}

// restartAtTimes restarts the hub as often as the settings say, spread over the
// run.
func (w *fixture) restartAtTimes(operations int) {
	for n := range w.restarts {
		w.model.await(operations / (w.restarts + 1))
		if w.model.ended() {
			return
		}
		w.restart((int(w.seed)+n)%2 == 0)
	}
}

// publishFinal publishes the last event of each channel, by which clients know that
// they have everything.
func (w *fixture) publishFinal() {
	w.publishLock.Lock()
	defer w.publishLock.Unlock()
	l := w.instance.Load()
	f := &final{gen: l.gen, seq: make(map[string]uint64)}
	for n, name := range allChannels() {
		e := &event{number: -100 - n, channel: name, ev: core.Event{Data: strconv.Itoa(-100 - n), Key: "final"}, start: w.model.now()}
		id, err := l.hub.Publish(w.Context(), name, e.ev)
		e.id, e.end = id, w.model.now()
		_, seq, ok := parsePosition(id)
		if err != nil || !ok {
			w.Errorf("the last event of %s: got %q, %v", name, id, err)
			continue
		}
		f.seq[name] = seq
		if err := w.model.record(l.gen, seq, e); err != nil {
			w.Error(err)
		}
	}
	w.final.Store(f)
}

// awaitClosed waits until the server has noticed that all clients are gone.
func (w *fixture) awaitClosed() {
	ended := make(chan struct{})
	go func() {
		w.open.Wait()
		close(ended)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		w.Fatal("streams are open though their clients are gone")
	}
	hub := w.instance.Load().hub
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if err := hub.Drain(ctx); err != nil {
		w.Errorf("Drain: %v", err)
	}
	if got := hub.Stats().Streams; got != 0 {
		w.Errorf("got %d streams in the end, want none", got)
	}
	for _, c := range hub.Channels() {
		if c.Streams != 0 {
			w.Errorf("got %d streams on %s in the end, want none", c.Streams, c.Name)
		}
	}
}

// giveUp ends a run that hangs.
func (w *fixture) giveUp() {
	w.mu.Lock()
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	w.Errorf("the run hangs")
	f := w.final.Load()
	for _, c := range w.clients {
		if c.mu.TryLock() {
			if v := c.now; v != nil {
				v.mu.Lock()
				w.Logf("client %d %+v: visit %s to %d, on %q, after %+v, ended for %v; last events %+v", c.number, c.start, v.key, v.gen, current(v.channels), v.after, v.reason, f)
				v.mu.Unlock()
			}
			c.mu.Unlock()
		}
	}
	for conn := range conns {
		_ = conn.Close()
	}
	w.model.finish()
}

// late reports whether the run was given up.
func (w *fixture) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conns == nil
}

// track takes note of a client's connection, untrack forgets it.
func (w *fixture) track(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		_ = conn.Close()
		return
	}
	w.conns[conn] = struct{}{}
}

func (w *fixture) untrack(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, conn)
}
