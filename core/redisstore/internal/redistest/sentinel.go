package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/internal/nodetest"
)

// Sentinel watches a server, under the name "main", and promotes a replica when the
// server is gone.
type Sentinel struct {
	Server

	port int
}

// Watch starts a Sentinel. Replicas must have their ports already. The caller calls
// Stop.
func (s *Server) Watch(after time.Duration) (*Sentinel, error) {
	port, err := s.Port()
	if err != nil {
		return nil, err
	}
	w := new(Sentinel)
	if w.port, err = nodetest.FreePort(); err != nil {
		return nil, err
	}
	if w.dir, err = os.MkdirTemp("", "tidings-redis-"); err != nil {
		return nil, err
	}
	config := filepath.Join(w.dir, "config")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\nunixsocket %s\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds main %d\nsentinel failover-timeout main 2000\n",
		w.port, w.Socket(), w.dir, port, after.Milliseconds())
	w.args = []string{config, "--sentinel"}
	if err = os.WriteFile(config, []byte(text), 0o600); err == nil {
		err = w.Start()
	}
	if err == nil {
		err = w.await(func(ctx context.Context, c *redis.Client) error {
			list, failure := c.Do(ctx, "sentinel", "replicas", "main").Slice()
			if failure == nil && len(list) == 0 {
				failure = errors.New("the sentinel knows no replica")
			}
			return failure
		})
	}
	if err != nil {
		return nil, errors.Join(err, w.Stop())
	}
	return w, nil
}

// Addr returns the address of the Sentinel.
func (w *Sentinel) Addr() string { return "127.0.0.1:" + strconv.Itoa(w.port) }
