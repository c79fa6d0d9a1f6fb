package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
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

	feed     *sharedstore.Feed
	health   sharedstore.Health
	appender *sharedstore.Appender
	forgets  *sharedstore.Forgetter

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
		once:    micros(cfg.Retention.OnceWindow),
		forgets: sharedstore.NewForgetter(),
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
	s.health = sharedstore.Health{Storage: "database", Logger: s.cfg.Logger, Back: s.feed.Wake}
	s.appender = sharedstore.NewAppender(sharedstore.AppenderConfig{
		Send: s.send, Away: isAway, Health: &s.health, Buffer: s.cfg.Buffer,
	})
	s.busy.Go(func() { s.appender.Run(s.life) })
	s.busy.Go(func() { s.feed.Follow(s.life, s.cfg.Poll, &s.health, s.catchUp) })
	s.busy.Go(func() { s.forgets.Run(s.life, s.forgetAll) })
	s.busy.Go(s.maintain)
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
	s.feed, s.span = sharedstore.NewFeed(st.epochs, st.head), st.span
	return nil
}

// Attach implements [history.Store].
func (s *Store) Attach(sink history.Sink) (history.Position, error) { return s.feed.Attach(sink) }

// Health implements [history.Prober].
func (s *Store) Health() error { return s.health.Err() }

// Close implements [history.Store]. Events whose Append has not returned may be
// published or not.
func (s *Store) Close() error {
	was := s.feed.Close()
	s.end()
	s.appender.Close()
	s.busy.Wait()
	if !was {
		s.pool.Close()
	}
	return nil
}

// within returns a context that bounds a call of the database.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Timeout)
}

// rest waits, and reports whether the store goes on.
func (s *Store) rest(d time.Duration) bool { return sharedstore.Rest(s.life, d) }

func micros(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}
