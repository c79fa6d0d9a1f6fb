package natsstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Store keeps the history of hubs in a JetStream stream, which many machines share.
// It is safe for concurrent use.
type Store struct {
	cfg       Config
	subjects  subjects
	apiPrefix string
	conn      *nats.Conn
	own       bool // the connection was made by Open
	writer    uint64
	health    sharedstore.Health
	forgetter *sharedstore.Forgetter
	batches   chan struct{} // capacity: batches that are sent at the same time
	acks      *nats.Subscription
	ackPrefix string

	mu        sync.Mutex // held while sinks are called
	index     *index     // nil until the stream was read
	sinks     []history.Sink
	closed    bool
	ready     bool          // index follows the stream, on the connection of server
	followed  bool          // ready was set since the tail began
	doubted   bool          // no server answers for the stream
	server    string        // ID of the server that the connection had then
	changed   chan struct{} // closed when ready changes, or the server is away
	moved     chan struct{} // closed when index changes; nil: nobody waits
	calls     map[uint64]*call
	number    uint64                  // of the newest call
	held      int                     // bytes of the calls that wait
	waiting   int                     // bytes of the calls that wait until the server is back
	interrupt context.CancelCauseFunc // ends the tail, so that it begins anew
	created   time.Time               // when the stream was created that the index is of
	strays    int                     // times that the state stream had another origin
	claim     claim

	doubts chan struct{} // capacity 1: the server is to be asked
	rounds rounds
	silent atomic.Int32 // times in a row that the server did not answer the tail

	life context.Context //nolint:containedctx // It ends with Close.
	end  context.CancelFunc
	busy sync.WaitGroup
}

var (
	_ history.Store  = (*Store)(nil)
	_ history.Prober = (*Store)(nil)
)

// Open connects to the servers at an address, URLs that are separated by commas, and
// returns a store on them. It creates the streams first, unless the configuration has
// NoCreate, and reads them. It panics if a pattern of the retention is malformed.
// ctx bounds the call only.
func Open(ctx context.Context, address string, cfg Config) (*Store, error) {
	s, err := newStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, address); err != nil {
		s.end()
		return nil, err
	}
	return s.open(ctx)
}

// New is [Open] with a connection of the app's, which Close leaves open. It should
// reconnect forever (nats.MaxReconnects(-1)).
func New(ctx context.Context, conn *nats.Conn, cfg Config) (*Store, error) {
	s, err := newStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return s.open(ctx)
}

func newStore(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := checkNames(cfg); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, subjects: subjects{cfg.Prefix}, apiPrefix: "$JS.API.", writer: rand.Uint64(), //nolint:gosec // It is no secret.
		forgetter: sharedstore.NewForgetter(), batches: make(chan struct{}, batchesAtOnce),
		changed: make(chan struct{}), doubts: make(chan struct{}, 1), calls: make(map[uint64]*call),
	}
	if cfg.Domain != "" {
		s.apiPrefix = "$JS." + cfg.Domain + ".API."
	}
	s.health = sharedstore.Health{Storage: "NATS server", Logger: cfg.Logger, Back: func() {}}
	s.rounds.init()
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// connect makes a connection.
func (s *Store) connect(ctx context.Context, address string) (err error) {
	limit := s.cfg.Timeout
	if at, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(at))
	}
	options := append([]nats.Option{
		nats.Name("tidings"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.cfg.Logger.WarnContext(s.life, "NATS connection", "error", err)
		}),
	}, s.cfg.Options...)
	options = append(options,
		nats.Timeout(max(limit, time.Millisecond)), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond), nats.RetryOnFailedConnect(false), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // what is refused must not be published later
		nats.PingInterval(s.cfg.Poll), nats.MaxPingsOutstanding(2),
	)
	s.conn, err = nats.Connect(address, options...)
	if parse := (*url.Error)(nil); errors.As(err, &parse) {
		return errors.New("tidings: nats: the URL is not one") // it may hold a password
	}
	if err != nil {
		return fmt.Errorf("tidings: nats: %w", err)
	}
	s.own = true
	return nil
}

// open creates and reads the streams.
func (s *Store) open(ctx context.Context) (*Store, error) {
	err := s.create(ctx)
	if err == nil {
		err = s.listen()
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	s.start()
	if err := s.awaitReady(ctx, s.cfg.Timeout, true); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("tidings: nats: %w", err)
	}
	return s, nil
}

// start starts the goroutines, which end with life.
func (s *Store) start() {
	s.busy.Go(s.follow)
	s.busy.Go(s.watch)
	s.busy.Go(s.maintain)
	s.busy.Go(func() { s.forgetter.Run(s.life, s.forgetAll) })
	s.busy.Go(s.askRounds)
}

// Attach implements [history.Store].
func (s *Store) Attach(sink history.Sink) (history.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return history.Position{}, history.ErrClosed
	}
	s.sinks = append(s.sinks, sink)
	return s.index.newest(), nil
}

// Health implements [history.Prober].
func (s *Store) Health() error { return s.health.Err() }

// Close implements [history.Store]. Events whose Append has not returned may be
// published or not.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed, s.sinks = true, nil
	s.mu.Unlock()
	s.end()
	s.busy.Wait()
	if was || s.conn == nil {
		return nil
	}
	if s.acks != nil {
		_ = s.acks.Unsubscribe()
	}
	if s.own {
		s.conn.Close()
	}
	return nil
}

// tellTrimmed tells the sinks what is trimmed. The caller holds s.mu.
func (s *Store) tellTrimmed(channel string, gone uint64) {
	for _, sink := range s.sinks {
		sink.Trimmed(channel, gone)
	}
}
