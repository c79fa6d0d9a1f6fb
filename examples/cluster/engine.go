package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// engineName is the name of the engine among the processes.
const engineName = "engine"

// newEngine returns the child that is a NATS server with JetStream. It has the
// same port each time, so that nodes find it again.
func newEngine() (c child, err error) {
	c = child{Name: engineName, Token: fmt.Sprintf("%016x", rand.Uint64())}
	if c.Dir, err = os.MkdirTemp("", "tidings-cluster-"); err != nil {
		return c, err
	}
	// Ports from 32768 on are those of clients: one could take the engine's while it
	// is away.
	for range 100 {
		c.Port = 20_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", c.addr())
		if err == nil {
			return c, l.Close()
		}
	}
	return c, errors.New("no free port for the engine")
}

func (c child) addr() string { return fmt.Sprintf("127.0.0.1:%d", c.Port) }

// url returns how nodes reach the engine.
func (c child) url() string { return "nats://" + c.Token + "@" + c.addr() }

// runEngine runs the engine until ctx ends. Its files go with life.
func (c child) runEngine(life, ctx context.Context, _ *slog.Logger) error {
	s, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "tidings", Host: "127.0.0.1", Port: c.Port, Authorization: c.Token,
		JetStream: true, StoreDir: c.Dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the engine does not take connections")
	}
	if err := announce(s.Addr().String()); err != nil {
		return err
	}
	<-ctx.Done()
	if life.Err() != nil {
		defer os.RemoveAll(c.Dir) //nolint:errcheck // They are temporary.
	}
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
