package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidings-go/tidings/core/history"
)

// Store keeps the history of hubs in a Postgres database, which many machines
// share. It is safe for concurrent use.
type Store struct {
	cfg    Config
	pool   *pgxpool.Pool
	sql    statements
	span   uint64
	writer int64 // identifies the store in the table of writers
	once   pgtype.Interval

	// Delivery; mu guards the fields up to closed, and is held while sinks are called
	mu     sync.Mutex
	epochs history.Epochs
	head   uint64 // newest sequence number that was delivered
	trail  history.Trail
	sinks  []history.Sink
	closed bool

	queue   queue
	away    atomic.Pointer[error] // why the database cannot be reached, or nil
	news    chan struct{}         // capacity 1: there may be entries to deliver
	forgets chan forgetting

	pids sync.Map // of the server's processes that serve the pool

	life context.Context //nolint:containedctx // It ends with Close.
	end  context.CancelFunc
	busy sync.WaitGroup
}

var (
	_ history.Store  = (*Store)(nil)
	_ history.Prober = (*Store)(nil)
)

// Open connects to the database that dsn names, a URL or keywords as for psql,
// and returns a store on it. It creates or upgrades the schema first, unless the
// configuration has NoMigrate. It panics if a pattern of the retention is
// malformed. ctx bounds the call only.
func Open(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s := &Store{
		cfg: cfg, sql: newStatements(cfg.Schema), writer: rand.Int64(), //nolint:gosec // It is no secret.
		once: micros(cfg.Retention.OnceWindow),
		news: make(chan struct{}, 1), forgets: make(chan forgetting),
	}
	pc, err := s.poolConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("tidings: database: %w", err)
	}
	if err = prepare(ctx, pc.ConnConfig, cfg); err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), pc); err != nil {
		return nil, fmt.Errorf("tidings: database: %w", err)
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.queue.init(cfg.Buffer)
	if err := s.begin(ctx); err != nil {
		s.end()
		s.pool.Close()
		return nil, err
	}
	s.start()
	return s, nil
}

// start starts the goroutines, which end with life.
func (s *Store) start() {
	for _, work := range []func(){s.write, s.follow, s.forget, s.maintain} {
		s.busy.Go(work)
	}
	if !s.cfg.PollOnly {
		s.busy.Go(s.listen)
	}
	if s.cfg.Sequence > 0 {
		s.busy.Go(s.sequence)
	}
}

// poolConfig returns the configuration of the connections.
func (s *Store) poolConfig(dsn string) (*pgxpool.Config, error) {
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	pc.MaxConns = int32(min(s.cfg.MaxConns, 1000)) //nolint:gosec // It is bounded.
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = "tidings"
	}
	if s.cfg.PollOnly {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		pc.ConnConfig.StatementCacheCapacity, pc.ConnConfig.DescriptionCacheCapacity = 0, 0
		return pc, nil
	}
	pc.AfterConnect = s.connected
	pc.BeforeClose = func(conn *pgx.Conn) { s.pids.Delete(conn.PgConn().PID()) }
	return pc, nil
}

// connected prepares a connection of the pool, which is a session of its own.
func (s *Store) connected(ctx context.Context, conn *pgx.Conn) error {
	s.pids.Store(conn.PgConn().PID(), struct{}{})
	_, err := conn.Exec(ctx, "SET jit = off")
	return err
}

// prepare creates the schema if it may, and checks it.
func prepare(ctx context.Context, cc *pgx.ConnConfig, cfg Config) error {
	conn, err := pgx.ConnectConfig(ctx, cc.Copy())
	if err != nil {
		return fmt.Errorf("tidings: database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = checkDatabase(ctx, conn, cfg)
	if errors.Is(err, errVersion) && !cfg.NoMigrate {
		if err = migrate(ctx, conn, cfg, nil); err == nil {
			err = checkDatabase(ctx, conn, cfg)
		}
	}
	return err
}

// begin takes over the state of the storage.
func (s *Store) begin(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, s.sql.verify); err != nil {
		return fmt.Errorf("tidings: database: %w", err)
	}
	st, err := s.state(ctx, s.pool)
	if err != nil {
		return fmt.Errorf("tidings: database: %w", err)
	}
	s.epochs, s.head, s.span = st.epochs, st.head, st.span
	return nil
}

// Attach implements [history.Store].
func (s *Store) Attach(sink history.Sink) (history.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return history.Position{}, history.ErrClosed
	}
	s.sinks = append(s.sinks, sink)
	return s.epochs.Newest(s.head), nil
}

// Health implements [history.Prober].
func (s *Store) Health() error {
	if err := s.away.Load(); err != nil {
		return *err
	}
	return nil
}

// Close implements [history.Store]. Events whose Append has not returned may be
// published or not.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed, s.sinks = true, nil
	s.mu.Unlock()
	s.end()
	s.queue.close()
	s.busy.Wait()
	if !was {
		s.pool.Close()
	}
	return nil
}

// signal fills a channel that has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// within returns a context that bounds a call of the database.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Timeout)
}

// rest waits, and reports whether the store goes on.
func (s *Store) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.life.Done():
		return false
	}
}

func micros(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}
