// Package natsstore keeps the history of hubs in NATS JetStream, so that many
// machines share it.
package natsstore

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/history"
)

// Store keeps the history of hubs in a JetStream stream.
type Store struct{ history.Store }

// Open connects to the servers that url names, and returns a store on them.
func Open(ctx context.Context, url string, cfg Config) (*Store, error) {
	return nil, errors.New("not yet")
}

// New returns a store on a connection of the app, which Close leaves open.
func New(ctx context.Context, conn *nats.Conn, cfg Config) (*Store, error) {
	return nil, errors.New("not yet")
}
