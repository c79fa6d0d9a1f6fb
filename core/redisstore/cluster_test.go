package redisstore_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
	"github.com/tidings-go/tidings/core/storetest"
)

// member is a server of a cluster.
type member struct {
	*redistest.Server

	port, bus int
}

func newMember(t *testing.T) member {
	t.Helper()
	var m member
	var err error
	m.port, err = nodetest.FreePort()
	must(t, err)
	m.bus, err = nodetest.FreePort()
	must(t, err)
	m.Server = server(t, "cluster-enabled", "yes", "port", strconv.Itoa(m.port), "cluster-port", strconv.Itoa(m.bus),
		"cluster-announce-ip", "127.0.0.1")
	return m
}

// newCluster starts a cluster of one server.
func newCluster(t *testing.T) member {
	t.Helper()
	m := newMember(t)
	do(t, m.Server, words("cluster addslotsrange 0 16383"))
	m.until(t, "it is up", func() bool {
		_, err := m.Do("exists", "x")
		return err == nil
	})
	return m
}

// until waits until a server is as it should be.
func (m member) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(nodetest.Patience); !is(); {
		if time.Now().After(limit) {
			t.Fatalf("after %v: not yet: %s", nodetest.Patience, what)
		}
		nodetest.Pause(t.Context(), 0.02)
	}
}

// client returns a client of the cluster, which is closed in the end.
func (m member) client(t *testing.T) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{"127.0.0.1:" + strconv.Itoa(m.port)}, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// In a cluster, all keys of a store are on one server.
func TestCluster(t *testing.T) {
	t.Parallel()
	client := newCluster(t).client(t)
	storetest.Run(t, func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := redisstore.Config{Prefix: prefix(), Retention: retention, Maintain: 50 * time.Millisecond}
		return func() history.Store {
			ctx, cancel := context.WithTimeout(context.Background(), nodetest.Patience)
			defer cancel()
			store, err := redisstore.New(ctx, client, cfg)
			if err != nil {
				tb.Fatal(err)
			}
			closed(tb, store)
			return store
		}
	}, options())
}

// The master's replica takes its place, in order: nodes follow.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	master, replica := newCluster(t), newMember(t)
	id, err := master.Do("cluster", "myid")
	must(t, err)
	do(t, replica.Server, words(fmt.Sprintf("cluster meet 127.0.0.1 %d %d", master.port, master.bus)))
	replica.until(t, "it knows the master", func() bool {
		_, failure := replica.Do("cluster", "replicate", id)
		return failure == nil
	})
	replica.until(t, "it has the data", func() bool {
		info, failure := replica.Do("info", "replication")
		return failure == nil && strings.Contains(fmt.Sprint(info), "master_link_status:up")
	})
	master.until(t, "it knows the replica", func() bool {
		known, failure := master.Do("cluster", "replicas", id)
		list, ok := known.([]any)
		return failure == nil && ok && len(list) == 1
	})
	store, err := redisstore.New(t.Context(), master.client(t), redisstore.Config{Timeout: time.Second})
	must(t, err)
	closed(t, store)
	one := nodetest.New(t, store)
	r := one.Read(t, nodetest.All(""))
	one.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	do(t, replica.Server, words("cluster failover"))
	replica.until(t, "it is the master", func() bool {
		role, err := replica.Do("role")
		return err == nil && strings.Contains(fmt.Sprint(role), "master")
	})
	one.PublishWhenBack(t, "a", "2")
	r.Wants(t, "after", "1", "2")
}
