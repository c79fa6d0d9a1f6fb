package core

import (
	"context"
	"fmt"
	"log/slog"
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

// HubConfig configures a [Hub]. The zero value is ready to use. For every bound,
// zero is the default, and a negative value is no bound.
type HubConfig struct {
	// Store keeps the history and gives events their order. The hub closes it.
	// Default: NewMemoryStore(Retention{}).
	Store Store
	// RingEvents bounds the number of events in the ring of each channel. The ring
	// holds the channel's newest events in memory. The [SlowPolicy] of the channel
	// applies to a live subscriber that falls further behind. Default: 1024.
	RingEvents int
	// RingBytes bounds the size of each ring, in bytes. Default: 1 MiB.
	RingBytes int
	// TotalRingBytes bounds the rings of all channels together, and the overhead
	// of channels without a subscriber, in bytes. Above the bound, the hub first
	// drops channels without a subscriber, starting with the one whose newest
	// event is the oldest. Then it drops the older halves of the largest rings.
	// History is not affected. The rings share the events that a [MemoryStore]
	// keeps, and need no memory of their own for them. Default: 256 MiB.
	TotalRingBytes int
	// MaxChannels bounds the number of channels that have subscribers or recent
	// events. A channel without a subscriber takes about 0.5 KiB and its ring; a
	// channel that clients chose and that has no events takes the same without a
	// ring. Above the bound, the hub drops channels without a subscriber, in the
	// order described at TotalRingBytes. If every channel has a subscriber, a
	// subscription to one more channel is refused with [ErrTooManyChannels], and
	// an event for one more channel is stored without a ring: later subscribers
	// find it in history. Private channels count, but are never refused. Default:
	// 262,144.
	MaxChannels int
	// Channels configures individual channels. The first entry whose pattern
	// matches a channel's name applies.
	Channels []ChannelConfig
	// MaxEvent bounds the size of an encoded event, and of all events of one batch
	// together, in bytes. Default: 1 MiB.
	MaxEvent int
	// PageBytes is about how many bytes of history the hub reads at once for a
	// subscriber that is behind the ring. The hub never holds more than this and
	// one event for one subscriber alone. Default: 64 KiB.
	PageBytes int
	// MaxReplays bounds how many subscribers behind the ring read a page of
	// history from the store at the same time. The others wait in order. A client
	// that takes its page slowly does not delay them. Default: 64.
	MaxReplays int
	// DrainDelay is how long [Hub.Drain] keeps serving after [Hub.Ready] has turned
	// false, so that load balancers notice it and send no more clients before the
	// first client is told to leave. Choose the time that a readiness probe needs
	// to fail, and a second more. Default: none.
	DrainDelay time.Duration
	// SessionTTL is how long the hub keeps the channels of a session after the
	// session's last stream has ended. See the SessionKey of [Subscription].
	// Default: 5 min.
	SessionTTL time.Duration
	// MaxSessions bounds the number of sessions that are kept. Default: 10,000.
	MaxSessions int
	// MaxSessionBytes bounds about how many bytes the sessions take. Above this
	// bound or MaxSessions, the hub drops sessions of the client with the largest
	// share, starting with the session that ended first; sessions with open
	// streams stay. A client is an identity or, for streams without one, the
	// network address of the peer (for IPv6 its first 64 bits). A client that has
	// the largest share and no session that can be dropped gets no further
	// session. Default: 16 MiB.
	MaxSessionBytes int
	// OnJoin is called after a stream has joined a channel: when the stream opens,
	// and when the channel is added to it. The stream receives events that are
	// published to the channel from then on. OnLeave is called after the stream
	// has left the channel, because it ended or the channel was removed, and is no
	// longer counted. Each OnJoin is followed by one OnLeave. Calls for one stream
	// never overlap and follow the order of its changes; calls for different
	// streams may run concurrently. The hub holds no lock during a call, so a hook
	// may publish, and change or close the stream. A stream that opens waits until
	// its hooks return.
	//
	// A hook that publishes amplifies: each stream that a client opens and
	// closes costs one event to every subscriber of the channel. Bound how many
	// streams a client can open, as package middleware does, and publish only what
	// other subscribers need to know.
	OnJoin, OnLeave func(channel string, s *Stream)
	// Logger receives the hub's log output. Default: no logging.
	Logger *slog.Logger
}

func (c HubConfig) withDefaults() HubConfig {
	c.RingEvents = boundOr(c.RingEvents, 1024)
	c.RingBytes = boundOr(c.RingBytes, 1<<20)
	c.TotalRingBytes = boundOr(c.TotalRingBytes, 256<<20)
	c.MaxChannels = boundOr(c.MaxChannels, 1<<18)
	c.MaxEvent = boundOr(c.MaxEvent, 1<<20)
	c.PageBytes = boundOr(c.PageBytes, batchBytes)
	c.MaxReplays = boundOr(c.MaxReplays, 64)
	c.SessionTTL = boundOr(c.SessionTTL, 5*time.Minute)
	c.MaxSessions = boundOr(c.MaxSessions, 10_000)
	c.MaxSessionBytes = boundOr(c.MaxSessionBytes, 16<<20)
	c.Channels = c.channels()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// channels returns the configurations of the channels with their defaults
// filled in. The last one applies to all channels that no pattern matches.
func (c HubConfig) channels() []ChannelConfig {
	all := append(slices.Clone(c.Channels), ChannelConfig{})
	for i := range all {
		one := &all[i]
		one.Pattern = strings.Clone(one.Pattern)
		history.CheckPattern(one.Pattern)
		one.StallTimeout = orDefault(one.StallTimeout, 2*time.Minute)
		one.RingEvents = boundOr(one.RingEvents, c.RingEvents)
		one.RingBytes = boundOr(one.RingBytes, c.RingBytes)
	}
	return all
}

// channel returns the configuration that applies to a channel.
func (c HubConfig) channel(name string) *ChannelConfig {
	others := len(c.Channels) - 1
	for i := range c.Channels[:others] {
		if history.Matches(c.Channels[i].Pattern, name) {
			return &c.Channels[i]
		}
	}
	return &c.Channels[others]
}

// Hub delivers events that are published to channels to the subscribers of
// those channels. Each subscriber receives every event of its channels, in the
// one order of the hub, also after it lost its connection. All methods are safe
// for concurrent use.
//
// A hub that is no longer used may be dropped without a call: it owns a
// goroutine only while it has a subscriber to wake. [Hub.Drain] ends a hub in
// order, [Hub.Close] at once.
type Hub struct {
	cfg     HubConfig
	store   Store
	logger  *slog.Logger
	started time.Time // zero of the hub's clock

	// Delivery
	shards   []shard
	permits  chan struct{} // holds one element for each page of history that is being read
	lookups  chan struct{} // and one for each last event ID that is looked up in the store
	replays  pool          // reads pages for the members of shards
	finisher pool          // finishes streams, and releases channels
	watcher  netwatch.Watcher
	life     context.Context //nolint:containedctx // It is the hub's own: it ends with Close.
	die      context.CancelCauseFunc

	// Order of events
	epoch atomic.Uint64
	head  atomic.Uint64 // sequence number of the newest entry that is in its ring
	lost  atomic.Uint64 // some of the entries up to this sequence number, delivered or not, are lost

	// Channels
	mu       sync.RWMutex
	channels map[string]*channel
	base     uint64                  // a new channel's ring lacks all entries up to this sequence number
	unused   lazyheap.Heap[*channel] // all channels with refs == 0
	// filled holds all channels whose ring can be made smaller, and maybe others.
	// The goroutine that delivers changes it while it holds mu for reading; all
	// other changes need mu for writing.
	filled map[*channel]struct{}

	// Memory bounds
	ringBytes atomic.Int64 // size of all rings, and overhead of channels with refs == 0, in bytes
	ringLimit int64        // rings are made smaller above this size; of the goroutine that delivers
	sessions  sessions

	// Streams; streamsMu guards the fields up to empty
	streamsMu sync.Mutex
	streams   map[streamKey]*Stream
	early     map[*Stream]struct{} // streams at the gate that have an identity
	revoked   map[string]time.Time // until when, by identity; zero: until Restore
	sweepAt   int                  // revocations that are over are dropped at this number
	isUnready bool                 // Drain or Close was called
	draining  bool
	drainEnds time.Time     // when Drain gives up; zero if it has no deadline
	empty     chan struct{} // made by Drain, closed when the last stream ends

	// End
	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error

	// Counters, observers and pools
	published   atomic.Uint64
	ends        ends
	observersMu sync.Mutex                  // guards changes of observers
	observers   atomic.Pointer[[]*Observer] // nil if there are none
	next        atomic.Uint64               // assigns subscribers to shards in turn
	scratch     sync.Pool                   // of *scratch
	records     sync.Pool                   // of *[1]Record
}

// NewHub returns a hub. It panics if the store cannot be attached, for example
// because the store is closed: that is a programming error at set-up. It also
// panics if a channel pattern is malformed.
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
		permits:  make(chan struct{}, cfg.MaxReplays),
		lookups:  make(chan struct{}, cfg.MaxReplays),
		channels: make(map[string]*channel),
		filled:   make(map[*channel]struct{}),
		streams:  make(map[streamKey]*Stream),
		early:    make(map[*Stream]struct{}),
		closed:   make(chan struct{}),
	}
	for i := range h.shards {
		h.shards[i].init(h, i)
	}
	h.sessions.init(cfg)
	h.replays.init(cfg.MaxReplays)
	h.finisher.init(finishers)
	h.life, h.die = context.WithCancelCause(context.Background())
	// Hold the lock, so that the store delivers no entry before base and head
	// account for all earlier ones.
	h.mu.Lock()
	defer h.mu.Unlock()
	newest, err := h.store.Attach((*hubSink)(h))
	if err != nil {
		panic(fmt.Sprintf("tidings: attaching the store: %v", err))
	}
	h.epoch.Store(newest.Epoch)
	h.base = newest.Seq
	h.head.Store(newest.Seq)
	return h
}

// Close ends all streams and subscribers at once, and closes the store. To give
// clients notice first, call [Hub.Drain]. Close waits until the subscriptions
// whose connections the hub drives itself are finished, their hooks included.
// It does not wait for handlers. A call from a hook or a filter of such a
// subscription waits for none of them, because it would wait for itself. Close
// is idempotent, safe for concurrent use, and returns the store's error.
func (h *Hub) Close() error {
	h.shut()
	if !calledByHub() {
		h.settle()
	}
	return h.closeErr
}

// shut ends all streams and closes the store, once.
func (h *Hub) shut() {
	h.closeOnce.Do(func() {
		h.streamsMu.Lock()
		h.draining, h.isUnready = true, true
		h.streamsMu.Unlock()
		close(h.closed)
		h.die(ErrHubClosed)
		for _, s := range h.openStreams() {
			s.abort(ErrHubClosed)
		}
		h.closeErr = h.store.Close()
	})
}

// settle waits until all ended streams of connections that shards drive are
// finished.
func (h *Hub) settle() {
	h.finisher.wait() // until then, an opening stream may be handed to a shard
	// A shard that is still running may ask for one more page of history, and the
	// page comes back to the shard.
	h.settleShards()
	h.replays.wait()
	h.settleShards()
	h.finisher.wait()
}

func (h *Hub) settleShards() {
	for i := range h.shards {
		h.shards[i].wait()
	}
}

// Done returns a channel that is closed when the hub is: for what belongs to
// the hub, and must end with it.
func (h *Hub) Done() <-chan struct{} { return h.closed }

// position returns the position with this sequence number in the hub's epoch.
func (h *Hub) position(seq uint64) Position { return Position{Epoch: h.epoch.Load(), Seq: seq} }
