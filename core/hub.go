package core

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/lazyheap"
	"github.com/tidings-go/tidings/core/internal/netwatch"
)

// HubConfig configures a [Hub]. The zero value is ready to use.
type HubConfig struct {
	// Store keeps the history and gives events their order. The hub closes it.
	// Default: NewMemoryStore(Retention{}).
	Store Store
	// RingEvents is how many of the newest events of each channel are at hand
	// for subscribers. One that falls further behind while it is live meets the
	// channel's [SlowPolicy]. Default: 1024.
	RingEvents int
	// RingBytes bounds the same in bytes. Default: 1 MiB.
	RingBytes int
	// TotalRingBytes bounds the rings of all channels together, and the overhead
	// of channels without a subscriber. Over it, those channels go first, the
	// longest without a new event before the others; then the older halves of the
	// largest rings. History is not touched. What a [MemoryStore] keeps is shared
	// with the rings, and takes no room twice. Default: 256 MiB.
	TotalRingBytes int
	// MaxChannels bounds the channels that have subscribers or recent events. One
	// without a subscriber takes about 0.5 KiB and its ring, one that clients have
	// chosen as much without a ring. Over the bound, channels without a subscriber
	// go, as above. Where there are none, a subscription to a further channel is
	// refused with [ErrTooManyChannels], and an event for one is stored without a
	// ring: those who subscribe later find it in history. Private channels count,
	// and are not refused. Default: 262,144. Negative: no bound.
	MaxChannels int
	// Channels are the channels with a configuration of their own. The first
	// whose pattern matches applies.
	Channels []ChannelConfig
	// MaxEvent is the size of an encoded event at most, in bytes, and of all
	// events that are published together. Default: 1 MiB.
	MaxEvent int
	// PageBytes is how much history is read at once for a subscriber that is
	// behind the ring, about. No more than that, and one event, is ever held for
	// one subscriber alone. Default: 64 KiB.
	PageBytes int
	// MaxReplays is how many subscribers that are behind the ring may read a page
	// of history from the store at a time. The others wait in order. How fast the
	// clients take their pages makes no difference. Default: 64.
	MaxReplays int
	// SessionTTL is how long the channels of a session are kept after its last
	// stream has ended. See the SessionKey of [Subscription]. Default: 5 min.
	SessionTTL time.Duration
	// MaxSessions is how many sessions are kept at most. Default: 10,000.
	MaxSessions int
	// MaxSessionBytes bounds the same in bytes, about. Over either bound, sessions
	// of the client with the largest share go first, the one that ended first
	// before the others; sessions with open streams stay. A client is an identity,
	// or, of streams without one, the network address of the peer, for IPv6 its
	// first 64 bits. A client whose own share is the largest, and has nothing to
	// give up, gets no further session. Default: 16 MiB. Negative: no bound.
	MaxSessionBytes int
	// OnJoin is called when a stream has joined a channel: when it opens, and when
	// the channel is added. What is published to the channel from here on reaches
	// it. OnLeave is called when it has left the channel again, by its end or
	// otherwise, and is counted no more. Each OnJoin is followed by one OnLeave.
	// For one stream they are called one after the other, in the order of what
	// happened; for several at once. No lock is held: they may publish, and change
	// or close the stream. A stream that opens waits while they are at it. A hook
	// that publishes is an amplifier: each stream that a stranger opens and closes
	// then costs an event to all who are there. Bound how many a client can open, as
	// package middleware does, and publish only what is news to the others.
	OnJoin, OnLeave func(channel string, s *Stream)
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
	if c.TotalRingBytes <= 0 {
		c.TotalRingBytes = 256 << 20
	}
	if c.MaxChannels = orDefault(c.MaxChannels, 1<<18); c.MaxChannels == 0 {
		c.MaxChannels = math.MaxInt
	}
	if c.SessionTTL <= 0 {
		c.SessionTTL = 5 * time.Minute
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 10_000
	}
	if c.MaxSessionBytes == 0 {
		c.MaxSessionBytes = 16 << 20
	}
	c.Channels = c.channels()
	if c.PageBytes <= 0 {
		c.PageBytes = batchBytes
	}
	if c.MaxReplays <= 0 {
		c.MaxReplays = 64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// channels returns the channels' configurations with their defaults, and last
// the one of all others.
func (c HubConfig) channels() []ChannelConfig {
	all := append(slices.Clone(c.Channels), ChannelConfig{})
	for i := range all {
		one := &all[i]
		one.Pattern = strings.Clone(one.Pattern)
		history.CheckPattern(one.Pattern)
		if one.StallTimeout <= 0 {
			one.StallTimeout = 2 * time.Minute
		}
		if one.RingEvents <= 0 {
			one.RingEvents = c.RingEvents
		}
		if one.RingBytes <= 0 {
			one.RingBytes = c.RingBytes
		}
	}
	return all
}

// channel returns what applies to a channel.
func (c HubConfig) channel(name string) *ChannelConfig {
	others := len(c.Channels) - 1
	for i := range c.Channels[:others] {
		if history.Matches(c.Channels[i].Pattern, name) {
			return &c.Channels[i]
		}
	}
	return &c.Channels[others]
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
	replays  chan struct{} // holds a token for each page of history that is being read
	replayer replayer
	finisher finisher
	watcher  netwatch.Watcher
	life     context.Context //nolint:containedctx // It is the hub's own: it ends with Close.
	die      context.CancelCauseFunc

	epoch uint64
	head  atomic.Uint64 // the newest entry that is in its ring

	mu       sync.RWMutex
	channels map[string]*channel
	base     uint64                  // what a new channel's ring lacks: everything up to here
	private  map[string]struct{}     // the private channels that are there
	unused   lazyheap.Heap[*channel] // has all channels that nobody holds on to, and maybe others
	// filled has all channels whose ring can be made smaller, and maybe others.
	// It is changed by what delivers, and under the write lock of mu.
	filled []*channel

	ringBytes atomic.Int64 // of all rings, and the overhead of channels that nobody holds on to
	ringLimit atomic.Int64 // above which rings are made smaller
	sessions  sessions

	streamsMu sync.Mutex
	streams   map[streamKey]*Stream
	early     map[*Stream]struct{} // that are at the gate, and belong to somebody
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
		private:  make(map[string]struct{}),
		streams:  make(map[streamKey]*Stream),
		early:    make(map[*Stream]struct{}),
		closed:   make(chan struct{}),
	}
	for i := range h.shards {
		h.shards[i].init(h, i)
	}
	h.ringLimit.Store(int64(cfg.TotalRingBytes))
	h.sessions.init(cfg)
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
// that the hub sends to itself, their hooks included, and not for handlers.
// Called in a hook or a filter of such a subscription, it waits for none of
// them, since it would wait for its caller. It is idempotent, safe for
// concurrent use, and returns the store's error.
func (h *Hub) Close() error {
	h.shut()
	if !calledByHub() {
		h.settle()
	}
	return h.closeErr
}

// shut ends everything, once.
func (h *Hub) shut() {
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
	})
}

// settle waits until all streams of the hub's own connections, which have ended,
// are finished.
func (h *Hub) settle() {
	h.finisher.wait() // until then, a stream that opens may be handed to a shard
	// A shard that is at it may still ask for a page of history, and the page
	// comes back to the shard.
	h.settleShards()
	h.replayer.wait()
	h.settleShards()
	h.finisher.wait()
}

func (h *Hub) settleShards() {
	for i := range h.shards {
		h.shards[i].wait()
	}
}

// position returns the position with a sequence number of this epoch.
func (h *Hub) position(seq uint64) Position { return Position{Epoch: h.epoch, Seq: seq} }
