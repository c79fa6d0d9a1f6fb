package oracle_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// fixture is one run: a server and a hub, and all that is known of them.
type fixture struct {
	*testing.T
	settings

	model    *model
	path     string // of the store's file
	server   *http.Server
	addr     string
	instance atomic.Pointer[instance]
	open     sync.WaitGroup // streams that were not closed yet
	pace     chan struct{}  // a word for each thing that a client did

	// turn is held for reading by whoever publishes or changes channels, for
	// writing where nobody else may.
	publishLock sync.RWMutex
	epoch       string // guarded by turn
	downs       []span // when the hub was restarted; guarded by turn
	visits      sync.Map

	clients []*client
	final   atomic.Pointer[final]

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // of clients; nil when the run takes too long
	faults int

	tally
}

// instance is one hub, from its opening to its end.
type instance struct {
	number, gen int
	hub         *core.Hub
	events      *core.Endpoint
	change      *core.Endpoint
}

// final is the last event of each channel, when nothing more comes.
type final struct {
	gen int
	seq map[string]uint64
}

// newFixture opens a hub and a server for it.
func newFixture(t *testing.T, s settings) *fixture {
	t.Helper()
	w := &fixture{T: t, settings: s, model: newModel(), pace: make(chan struct{}, 64), conns: make(map[net.Conn]struct{})}
	w.path = filepath.Join(t.TempDir(), "history.db")
	if err := w.start(0); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = listener.Addr().String()
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = w.server.Serve(narrow{listener, s.buffer})
	}()
	t.Cleanup(func() {
		_ = w.server.Close()
		<-served
		if err := w.instance.Load().hub.Close(); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	return w
}

// narrow is a listener whose connections have small buffers, so that a client
// that does not read is felt soon.
type narrow struct {
	net.Listener

	buffer int
}

// Accept returns the next connection.
func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(n.buffer)
	}
	return conn, err
}

// start opens a hub. Its first event says which epoch it has.
func (w *fixture) start(number int) error {
	var store core.Store = core.NewMemoryStore(w.retention())
	if w.bolt {
		file, err := boltstore.Open(w.path, boltstore.Config{
			Retention: w.retention(), Sync: w.sync, Interval: 5 * time.Millisecond, LockWait: time.Minute,
		})
		if err != nil {
			return err
		}
		store = file
	}
	l := &instance{number: number, hub: core.NewHub(w.hub(store))}
	gate := core.NewGate(l.hub, core.GateConfig{
		RefuseByStatus: true, // a client then knows at once that no stream opens
		Middleware:     []core.Middleware{w.identify}, Conn: w.conn,
		Heartbeat: heartbeat, WriteTimeout: -1, Retry: retry,
	})
	l.events = gate.SubscribeFunc(w.subscribe)
	l.change = gate.ChangeChannels(func(*core.Stream, []string) error { return nil })
	first := &event{number: -1 - number, channel: allChannels()[0], ev: core.Event{Data: strconv.Itoa(-1 - number)}, start: w.model.now()}
	id, err := l.hub.Publish(w.Context(), first.channel, first.ev)
	if err != nil {
		return err
	}
	epoch, seq, ok := parsePosition(id)
	if !ok {
		return fmt.Errorf("the ID of an event is no position: %q", id)
	}
	if w.bolt && number > 0 && epoch != w.epoch {
		return fmt.Errorf("a new epoch %q after %q, though the file was closed", epoch, w.epoch)
	}
	w.epoch = epoch
	l.gen = w.model.begin(epoch)
	first.id, first.end = id, w.model.now()
	w.instance.Store(l)
	return w.model.record(l.gen, seq, first)
}

// restart ends the hub, with or without notice, and opens another one.
func (w *fixture) restart(notice bool) {
	w.publishLock.Lock()
	defer w.publishLock.Unlock()
	down := span{addStart: w.model.now()}
	old := w.instance.Load()
	if notice {
		ctx, cancel := context.WithTimeout(w.Context(), 30*time.Millisecond)
		if err := old.hub.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("Drain: %v", err)
		}
		cancel()
	}
	if err := old.hub.Close(); err != nil {
		w.Errorf("Close: %v", err)
	}
	if err := w.start(old.number + 1); err != nil {
		w.Errorf("starting again: %v", err)
	}
	down.addEnd = w.model.now()
	w.downs = append(w.downs, down)
	w.restarted.Add(1)
}

// ServeHTTP serves the two endpoints of the hub that is there.
func (w *fixture) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	l := w.instance.Load()
	if strings.HasPrefix(r.URL.Path, "/channels") {
		l.change.ServeHTTP(rw, r)
		return
	}
	if v := w.visit(r); v != nil {
		v.arrive(l)
		l.events.ServeHTTP(rw, r)
	}
}

// visit returns the visit that a request belongs to.
func (w *fixture) visit(r *http.Request) *visit {
	v, _ := w.visits.Load(r.URL.Query().Get("visit"))
	found, _ := v.(*visit)
	return found
}

// identify is the gate's middleware.
func (w *fixture) identify(h *core.Handshake) error {
	r := h.Request()
	if r.Method == http.MethodPost {
		h.SetIdentity(r.URL.Query().Get("identity"))
		return nil
	}
	v := w.visit(r)
	w.open.Add(1)
	h.OnClose(v.left)
	if v.client.identity != "" {
		h.SetIdentity(v.client.identity)
	}
	if m := v.client.modulus; m > 0 {
		h.SetFilter(func(d core.Delivery) bool { return passes(m, numberOf(d.Data)) })
	}
	return h.Join(v.groupNames...)
}

// passes reports whether a client's filter lets an event through.
func passes(modulus, number int) bool { return modulus <= 0 || number < 0 || number%modulus != 0 }

// subscribe chooses what a stream gets.
func (w *fixture) subscribe(h *core.Handshake) (core.Subscription, error) {
	v := w.visit(h.Request())
	if err := h.Send(hello(h.ID())); err != nil {
		return core.Subscription{}, err
	}
	h.OnOpen(func() { v.enter(h.Stream) })
	return core.Subscription{Channels: v.client.channels, Start: v.client.start.public(), SessionKey: v.client.remember}, nil
}

// hello is the greeting of a stream.
func hello(id string) core.Event { return core.Event{Name: "hello", Data: id} }
