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

// fixture is one run: a server, its hub, the clients and the model.
type fixture struct {
	*testing.T
	settings

	model    *model
	path     string // of the store's file
	server   *http.Server
	addr     string
	instance atomic.Pointer[instance]
	open     sync.WaitGroup // streams that were not closed yet
	pace     chan struct{}  // a value for each action of a client

	// publishLock is held for reading to publish or to change channels, and for
	// writing to exclude both.
	publishLock sync.RWMutex
	epoch       string // guarded by publishLock
	downs       []span // when the hub was restarted; guarded by publishLock
	visits      sync.Map

	clients []*client
	final   atomic.Pointer[final]

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // of clients; nil when the run takes too long
	faults int

	tally
}

// instance is one hub, from its creation to Close.
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
	f := &fixture{T: t, settings: s, model: newModel(), pace: make(chan struct{}, 64), conns: make(map[net.Conn]struct{})}
	f.path = filepath.Join(t.TempDir(), "history.db")
	if err := f.start(0); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = listener.Addr().String()
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = f.server.Serve(narrow{listener, s.buffer})
	}()
	t.Cleanup(func() {
		_ = f.server.Close()
		<-served
		if err := f.instance.Load().hub.Close(); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	return f
}

// narrow is a listener whose connections have small buffers, so that clients
// that do not read stall soon.
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

// start opens a hub, and publishes an event to learn its epoch.
func (f *fixture) start(number int) error {
	var store core.Store = core.NewMemoryStore(f.retention())
	if f.bolt {
		file, err := boltstore.Open(f.path, boltstore.Config{
			Retention: f.retention(), Sync: f.sync, Interval: 5 * time.Millisecond, LockWait: time.Minute,
		})
		if err != nil {
			return err
		}
		store = file
	}
	in := &instance{number: number, hub: core.NewHub(f.hub(store))}
	gate := core.NewGate(in.hub, core.GateConfig{
		RefuseByStatus: true, // a client then knows at once that no stream opens
		Middleware:     []core.Middleware{f.identify}, Conn: f.conn,
		Heartbeat: heartbeat, WriteTimeout: -1, Retry: retry,
	})
	in.events = gate.SubscribeFunc(f.subscribe)
	in.change = gate.ChangeChannels(func(*core.Stream, []string) error { return nil })
	first := &event{number: -1 - number, channel: allChannels()[0], ev: core.Event{Data: strconv.Itoa(-1 - number)}, start: f.model.now()}
	id, err := in.hub.Publish(f.Context(), first.channel, first.ev)
	if err != nil {
		return err
	}
	epoch, seq, ok := parsePosition(id)
	if !ok {
		return fmt.Errorf("the ID of an event is no position: %q", id)
	}
	if f.bolt && number > 0 && epoch != f.epoch {
		return fmt.Errorf("a new epoch %q after %q, though the file was closed", epoch, f.epoch)
	}
	f.epoch = epoch
	in.gen = f.model.begin(epoch)
	first.id, first.end = id, f.model.now()
	f.instance.Store(in)
	return f.model.record(in.gen, seq, first)
}

// restart closes the hub, with or without Drain, and opens another one.
func (f *fixture) restart(notice bool) {
	f.publishLock.Lock()
	defer f.publishLock.Unlock()
	down := span{addStart: f.model.now()}
	old := f.instance.Load()
	if notice {
		ctx, cancel := context.WithTimeout(f.Context(), grace)
		if err := old.hub.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("Drain: %v", err)
		}
		cancel()
	}
	if err := old.hub.Close(); err != nil {
		f.Errorf("Close: %v", err)
	}
	if err := f.start(old.number + 1); err != nil {
		f.Errorf("starting again: %v", err)
	}
	down.addEnd = f.model.now()
	f.downs = append(f.downs, down)
	f.restarted.Add(1)
}

// ServeHTTP serves the two endpoints of the current hub.
func (f *fixture) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	in := f.instance.Load()
	if strings.HasPrefix(r.URL.Path, "/channels") {
		in.change.ServeHTTP(rw, r)
		return
	}
	if v := f.visit(r); v != nil {
		v.arrive(in)
		in.events.ServeHTTP(rw, r)
	}
}

// visit returns the visit that a request belongs to.
func (f *fixture) visit(r *http.Request) *visit {
	v, _ := f.visits.Load(r.URL.Query().Get("visit"))
	found, _ := v.(*visit)
	return found
}

// identify is the gate's middleware.
func (f *fixture) identify(h *core.Handshake) error {
	r := h.Request()
	if r.Method == http.MethodPost {
		h.SetIdentity(r.URL.Query().Get("identity"))
		return nil
	}
	v := f.visit(r)
	f.open.Add(1)
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

// subscribe returns the subscription of a stream.
func (f *fixture) subscribe(h *core.Handshake) (core.Subscription, error) {
	v := f.visit(h.Request())
	if err := h.Send(hello(h.ID())); err != nil {
		return core.Subscription{}, err
	}
	h.OnOpen(func() { v.enter(h.Stream) })
	return core.Subscription{Channels: v.client.channels, Start: v.client.start.public(), SessionKey: v.client.remember}, nil
}

// hello is the greeting of a stream.
func hello(id string) core.Event { return core.Event{Name: "hello", Data: id} }
