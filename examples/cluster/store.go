package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/redisstore"
)

// Names of the engines that nodes can share their history in.
const (
	nats     = "nats"
	postgres = "postgres"
	redis    = "redis"
)

func engines() []string { return []string{nats, postgres, redis} }

// urlLike returns an example of an engine's URL.
func urlLike(engine string) string {
	return map[string]string{
		nats:     "nats://localhost:4222",
		postgres: "postgres://app@localhost/app",
		redis:    "redis://localhost:6379",
	}[engine]
}

// retention is the same for all nodes. A price's number must be known for longer
// than a node can be behind: see market.
func retention() core.Retention {
	return core.Retention{Events: 20_000, OnceWindow: time.Hour}
}

// openStore opens the history that all nodes share.
func openStore(ctx context.Context, engine, url string) (store core.Store, err error) {
	switch engine {
	case nats:
		store, err = natsstore.Open(ctx, url, natsstore.Config{Retention: retention()})
	case postgres:
		store, err = pgstore.Open(ctx, url, pgstore.Config{Retention: retention()})
	case redis:
		store, err = redisstore.Open(ctx, url, redisstore.Config{Retention: retention()})
	default:
		return nil, errors.New("there is no such engine: " + engine)
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}

// reach checks that an engine can be used that runs already.
func reach(ctx context.Context, engine, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	store, err := openStore(ctx, engine, url)
	if err != nil {
		return fmt.Errorf("%s cannot be used: is it running, and is -url right? %w", engine, err)
	}
	return store.Close()
}
