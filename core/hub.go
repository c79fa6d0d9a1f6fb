package core

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// HubConfig configures a [Hub]. The zero value is ready to use.
type HubConfig struct {
	// Store keeps the history and gives events their order. The hub closes it.
	// Default: NewMemoryStore(Retention{}).
	Store Store
	// RingEvents is how many of the newest events of each channel are at hand
	// for subscribers. One that falls further behind while it is live is ended
	// with [ErrSlow]. Default: 1024.
	RingEvents int
	// RingBytes bounds the same in bytes. Default: 1 MiB.
	RingBytes int
	// MaxEvent is the size of an encoded event at most, in bytes. Default:
	// 1 MiB.
	MaxEvent int
	// MaxReplays is how many subscribers at a time may hold a page of history
	// from the store, when they are behind the ring. The others wait their
	// turn. Default: 64.
	MaxReplays int
	// Logger takes what the hub has to say. Default: nothing is logged.
	Logger *slog.Logger
}

func (c HubConfig) withDefaults() HubConfig {
	if c.RingEvents <= 0 {
		c.RingEvents = 1024
	}
	if c.RingBytes <= 0 {
		c.RingBytes = 1 << 20
	}
	if c.MaxEvent <= 0 {
		c.MaxEvent = 1 << 20
	}
	if c.MaxReplays <= 0 {
		c.MaxReplays = 64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Hub is where events are published to channels and subscribers get them: each
// every event, in one order, also after it lost its connection. All methods
// are safe for concurrent use.
//
// A hub that nobody uses any more may simply be dropped; it owns a goroutine
// only while it has a subscriber to wake. [Hub.Drain] and [Hub.Close] end one
// in order.
type Hub struct {
	cfg     HubConfig
	store   Store
	logger  *slog.Logger
	started time.Time // when the hub's clock began

	shards   []shard
	replays  chan struct{} // holds a token for each page of history in use
	replayer replayer
	finisher finisher
	watcher  netwatch.Watcher
	life     context.Context //nolint:containedctx // It is the hub's own: it ends with Close.
	die      context.CancelCauseFunc

	epoch uint64
	head  atomic.Uint64 // the newest entry that is in its ring

	mu       sync.RWMutex
	channels map[string]*channel
	base     uint64 // what a new channel's ring lacks: everything up to here

	streamsMu sync.Mutex
	streams   map[*Stream]struct{}
	draining  bool
	empty     chan struct{} // made by a Drain, closed with the last stream

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error

	published atomic.Uint64
	next      atomic.Uint64 // deals subscribers to shards
	scratch   sync.Pool     // of *scratch
	records   sync.Pool     // of *[1]Record
}

// NewHub returns a hub. It panics if the store cannot be attached, which says
// that it is closed or belongs to a program's error at set-up.
func NewHub(cfg HubConfig) *Hub {
	cfg = cfg.withDefaults()
	if cfg.Store == nil {
		cfg.Store = NewMemoryStore(Retention{})
	}
	h := &Hub{
		cfg:      cfg,
		store:    cfg.Store,
		logger:   cfg.Logger,
		started:  time.Now(),
		shards:   make([]shard, runtime.GOMAXPROCS(0)),
		replays:  make(chan struct{}, cfg.MaxReplays),
		channels: make(map[string]*channel),
		streams:  make(map[*Stream]struct{}),
		closed:   make(chan struct{}),
	}
	for i := range h.shards {
		h.shards[i].init(h, i)
	}
	h.replayer.hub = h
	h.replayer.idle.L, h.finisher.idle.L = &h.replayer.mu, &h.finisher.mu
	h.life, h.die = context.WithCancelCause(context.Background())
	// No entry may be delivered before its predecessors are accounted for.
	h.mu.Lock()
	defer h.mu.Unlock()
	newest, err := h.store.Attach((*hubSink)(h))
	if err != nil {
		panic(fmt.Sprintf("tidings: attaching the store: %v", err))
	}
	h.epoch, h.base = newest.Epoch, newest.Seq
	h.head.Store(newest.Seq)
	return h
}

// Stats are counts of a hub at one moment.
type Stats struct {
	// Streams is the number of streams open at the hub's gates.
	Streams int `json:"streams"`
	// Channels is the number of channels that have subscribers or recent
	// events.
	Channels int `json:"channels"`
	// Published counts the events published through this hub.
	Published uint64 `json:"published"`
}

// Stats returns the hub's counts.
func (h *Hub) Stats() Stats {
	h.streamsMu.Lock()
	streams := len(h.streams)
	h.streamsMu.Unlock()
	h.mu.RLock()
	channels := len(h.channels)
	h.mu.RUnlock()
	return Stats{Streams: streams, Channels: channels, Published: h.published.Load()}
}

// Close ends all streams and subscribers at once, and closes the store.
// [Hub.Drain] first gives clients notice. Close waits for the subscriptions
// that the hub sends to itself, their hooks included, and not for handlers. It
// is idempotent, and returns the store's error.
func (h *Hub) Close() error {
	h.closeOnce.Do(func() {
		h.streamsMu.Lock()
		h.draining = true
		h.streamsMu.Unlock()
		close(h.closed)
		h.die(ErrHubClosed)
		for _, s := range h.openStreams() {
			s.abort(ErrHubClosed)
		}
		h.closeErr = h.store.Close()
		h.replayer.wait()
		for i := range h.shards {
			h.shards[i].wait()
		}
		h.finisher.wait()
	})
	return h.closeErr
}

// position returns the position with a sequence number of this epoch.
func (h *Hub) position(seq uint64) Position { return Position{Epoch: h.epoch, Seq: seq} }

// channel returns the channel of that name, a new one if need be. The caller
// holds h.mu.
func (h *Hub) channel(name string) *channel {
	c := h.channels[name]
	if c == nil {
		c = &channel{name: name, gone: h.base, shards: make([]interest, len(h.shards))}
		h.channels[name] = c
	}
	return c
}

// hubSink is the side of the hub that its store sees.
type hubSink Hub

var _ Sink = (*hubSink)(nil)

// Deliver puts the entries in their rings, and marks their channels.
func (k *hubSink) Deliver(entries []*Entry) {
	h := (*Hub)(k)
	if len(entries) == 0 {
		return
	}
	h.place(entries)
	h.head.Store(entries[len(entries)-1].Position.Seq)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i, e := range entries {
		if i > 0 && e.Channel == entries[i-1].Channel {
			continue
		}
		if c := h.channels[e.Channel]; c != nil {
			for s := range h.shards {
				h.shards[s].mark(c)
			}
		}
	}
}

// place pushes each entry onto its channel's ring. The read lock keeps
// channels from being dropped meanwhile.
func (h *Hub) place(entries []*Entry) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, e := range entries {
		c := h.channels[e.Channel]
		if c == nil {
			h.mu.RUnlock()
			h.mu.Lock()
			c = h.channel(e.Channel)
			// Pushed under the write lock: nobody drops a channel that has an
			// entry.
			c.push(e, h.cfg.RingEvents, h.cfg.RingBytes)
			h.mu.Unlock()
			h.mu.RLock()
			continue
		}
		c.push(e, h.cfg.RingEvents, h.cfg.RingBytes)
	}
}

// Trimmed hides what history no longer has from new subscribers, and lets go of
// it where there are no others. The read lock keeps subscribers from attaching
// meanwhile.
func (k *hubSink) Trimmed(name string, seq uint64) {
	h := (*Hub)(k)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if c := h.channels[name]; c != nil {
		c.hide(seq)
		if c.refs == 0 {
			c.release()
		}
	}
}
