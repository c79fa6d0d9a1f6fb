package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

// routed is the name of clients that take a route.
const routed = "routed"

// route leads clients to one of several servers, as Sentinel or a name does.
type route struct {
	to atomic.Pointer[redistest.Server]
}

func newRoute(to *redistest.Server) *route {
	r := new(route)
	r.to.Store(to)
	return r
}

// node returns a node whose client takes the route.
func (r *route) node(t *testing.T, cfg redisstore.Config) nodetest.Node {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", r.to.Load().Socket())
		},
		ClientName: routed, MaxRetries: -1, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
	defer cancel()
	store, err := redisstore.New(ctx, client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, store)
	return nodetest.New(t, store)
}

// leave has clients lose a server for another one.
func (r *route) leave(t *testing.T, s, to *redistest.Server) {
	t.Helper()
	r.to.Store(to)
	list, err := s.Do("client", "list")
	must(t, err)
	for line := range strings.Lines(fmt.Sprint(list)) {
		if strings.Contains(line, " name="+routed+" ") {
			id := strings.TrimPrefix(strings.Fields(line)[0], "id=")
			_, _ = s.Do("client", "kill", "id", id) // unless it has gone by itself
		}
	}
}

// replicated starts a server and a replica of it.
func replicated(t *testing.T) (master, replica *redistest.Server) {
	t.Helper()
	master = server(t)
	replica, err := master.Replica()
	return master, stopped(t, replica, err)
}

// do runs commands on a server.
func do(tb testing.TB, s *redistest.Server, commands ...[]any) {
	tb.Helper()
	for _, c := range commands {
		if _, err := s.Do(c...); err != nil {
			tb.Fatalf("%v: %v", c, err)
		}
	}
}

// words returns the words of a command.
func words(text string) (all []any) {
	for word := range strings.FieldsSeq(text) {
		all = append(all, word)
	}
	return all
}

// cut has the replicas of a server lose it.
func cut(tb testing.TB, s *redistest.Server) {
	tb.Helper()
	do(tb, s, []any{"config", "set", "port", "0"}, []any{"client", "kill", "type", "replica"})
}

// promote makes a replica a master.
func promote(tb testing.TB, s *redistest.Server) {
	tb.Helper()
	do(tb, s, []any{"replicaof", "no", "one"})
}
