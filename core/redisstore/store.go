package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// Store keeps the history of hubs in Redis, which many machines share. It is safe
// for concurrent use.
type Store struct {
	cfg     Config
	client  redis.UniversalClient
	own     bool // client is closed with the store
	scripts scripts
	keys    keys
	writer  string // identifies the store among all that write

	feed     *sharedstore.Feed
	health   sharedstore.Health
	appender *sharedstore.Appender
	forgets  *sharedstore.Forgetter
	chain    chain
	full     chan struct{} // capacity 1: there is much to remove

	life context.Context //nolint:containedctx // It ends with Close.
	end  context.CancelFunc
	busy sync.WaitGroup
}

var (
	_ history.Store  = (*Store)(nil)
	_ history.Prober = (*Store)(nil)
)

// Open connects to the Redis that url names, such as "redis://user:password@host/0",
// "rediss://…" for TLS, or "unix:///path", and returns a store on it. It panics if
// a pattern of the retention is malformed. ctx bounds the call only.
func Open(ctx context.Context, url string, cfg Config) (*Store, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("tidings: redis: malformed URL") // err may have the password
	}
	cfg = cfg.withDefaults()
	client := redis.NewClient(tuned(opts, cfg.Timeout))
	s, err := New(ctx, client, cfg)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	s.own = true
	return s, nil
}

// New returns a store on a client, which may be one of a single server, of servers
// with Sentinel, or of a cluster. It is not closed with the store. Its
// ContextTimeoutEnabled should be set, so that the Timeout of cfg applies, and its
// pool should have four connections at least. New panics if a pattern of the
// retention is malformed. ctx bounds the call only.
func New(ctx context.Context, client redis.UniversalClient, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if strings.ContainsAny(cfg.Prefix, "{}") || history.NameFault(cfg.Prefix) != "" {
		return nil, errors.New("tidings: redis: malformed prefix")
	}
	s := &Store{
		cfg: cfg, client: client, scripts: newScripts(), keys: newKeys(cfg.Prefix), writer: rand.Text()[:12],
		forgets: sharedstore.NewForgetter(), full: make(chan struct{}, 1),
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.begin(ctx); err != nil {
		s.end()
		return nil, fmt.Errorf("tidings: redis: %w", err)
	}
	s.start()
	return s, nil
}

// begin takes over the state of the storage.
func (s *Store) begin(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := s.verify(ctx, 0); err != nil {
		return err
	}
	l, _, err := s.readTail(ctx, 0, 0)
	if err != nil {
		return err
	}
	s.feed = sharedstore.NewFeed(l.Epochs, l.Head)
	return nil
}

// start starts the goroutines, which end with life.
func (s *Store) start() {
	s.health.Storage, s.health.Logger, s.health.Back = "redis", s.cfg.Logger, s.feed.Wake
	s.appender = sharedstore.NewAppender(sharedstore.AppenderConfig{
		Send: s.send, Away: isAway, Health: &s.health, Buffer: s.cfg.Buffer,
	})
	s.busy.Go(func() { s.appender.Run(s.life) })
	s.busy.Go(func() { s.feed.Follow(s.life, s.cfg.Poll, &s.health, s.catchUp) })
	s.busy.Go(func() { s.forgets.Run(s.life, s.forgetAll) })
	s.busy.Go(s.maintain)
	s.busy.Go(s.listen)
}

// Attach implements [history.Store].
func (s *Store) Attach(sink history.Sink) (history.Position, error) { return s.feed.Attach(sink) }

// Health implements [history.Prober].
func (s *Store) Health() error { return s.health.Err() }

// Close implements [history.Store]. Events whose Append has not returned may be
// published or not. If the store was made by New, Close waits for calls of its
// client, which have their own timeouts.
func (s *Store) Close() (err error) {
	was := s.feed.Close()
	s.end()
	s.appender.Close()
	if s.own && !was {
		err = s.client.Close() // ends the calls that wait
	}
	s.busy.Wait()
	return err
}

// within returns a context that bounds a call of Redis.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Timeout)
}
