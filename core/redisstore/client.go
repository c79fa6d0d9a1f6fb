package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// poolSize is the number of connections for calls, besides the one that waits for
// events.
const poolSize = 8

// tuned returns the options of a client for a store: calls end with their contexts,
// and are tried again by the store, which knows which of them may be.
func tuned(opts *redis.Options, timeout time.Duration) *redis.Options {
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1
	opts.DialerRetries = 1
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = timeout, timeout, timeout
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if opts.PoolSize == 0 {
		opts.PoolSize = poolSize
	}
	return opts
}

// master returns the client of the server that has the keys: in a cluster, all
// keys of a store are on one.
func (s *Store) master(ctx context.Context) (*redis.Client, error) {
	switch client := s.client.(type) {
	case *redis.Client:
		return client, nil
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, s.keys.state)
	}
	return nil, fmt.Errorf("a client of type %T cannot be used", s.client)
}

// moved has a client of a cluster look for the master again if it may be another
// one. It returns the error.
func (s *Store) moved(ctx context.Context, err error) error {
	if cluster, ok := s.client.(*redis.ClusterClient); ok && isAway(err) {
		cluster.ReloadState(ctx)
	}
	return err
}

// ErrEvicts is returned by [Open] and [New] if Redis has a maxmemory and may evict
// keys that have no time to live, as those of a store.
var ErrEvicts = errors.New("maxmemory-policy lets keys without a time to live be evicted: want noeviction, or one of the volatile policies")

// errOld means that the server cannot run the scripts.
var errOld = errors.New("want version 7.0 or newer")

// check returns an error if the server is too old, or may evict the keys of the
// store, which have no time to live.
func (s *Store) check(ctx context.Context) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return err
	}
	server, err := master.Info(ctx, "server").Result()
	if err != nil {
		return err
	}
	memory, err := master.Info(ctx, "memory").Result()
	if err != nil {
		return err
	}
	return judge(server, memory)
}

// judge looks at what a server says of itself.
func judge(server, memory string) error {
	major, _, _ := strings.Cut(field(server, "redis_version"), ".")
	if n, _ := strconv.Atoi(major); n < 7 {
		return errOld
	}
	if strings.HasPrefix(field(memory, "maxmemory_policy"), "allkeys-") && field(memory, "maxmemory") != "0" {
		return ErrEvicts
	}
	return nil
}

// field returns a field of what INFO has answered.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// isAway reports whether an error of a call means that Redis cannot be used at the
// moment: the connection is lost, the server stops, starts, is full, or is no
// master.
func isAway(err error) bool {
	var answered redis.Error
	switch {
	case err == nil:
		return false
	case errors.Is(err, errStale), errors.Is(err, errReplicas):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, errAnswer), errors.Is(err, redis.ErrClosed):
		return false
	case errors.As(err, &answered):
		return awayAnswer(answered.Error())
	}
	return true
}

// awayAnswer reports the same for an error that the server has answered.
func awayAnswer(text string) bool {
	text = strings.TrimPrefix(text, "ERR ")
	for _, prefix := range []string{
		"LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "OOM", "MISCONF", "BUSY", // of one server
		"CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "UNBLOCKED", // of one that another takes over from
		"max number of clients", "NOSCRIPT", // the scripts were removed between two calls
	} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
