package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
	"github.com/tidings-go/tidings/core/redisstore/internal/redistest"
)

var errUnavailable = core.ErrUnavailable

func event(data string) core.Event { return core.Event{Data: data} }

// An engine that is away: streams stay open, publishing is refused with a typed
// error, Health tells, and all go on without a gap when it is back.
func TestAway(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings []string
		away     func(s *redistest.Server) error
		back     func(s *redistest.Server) error
	}{
		{"stopped", []string{"appendonly", "yes"}, signal(syscall.SIGTERM), (*redistest.Server).Start},
		{"hangs", nil, signal(syscall.SIGSTOP), signal(syscall.SIGCONT)},
		{"READONLY", nil, command("replicaof", "127.0.0.1", "1"), command("replicaof", "no", "one")},
		{"MASTERDOWN", []string{"replica-serve-stale-data", "no"}, command("replicaof", "127.0.0.1", "1"), command("replicaof", "no", "one")},
		{"OOM", nil, command("config", "set", "maxmemory", "1"), command("config", "set", "maxmemory", "0")},
		{"NOREPLICAS", nil, command("config", "set", "min-replicas-to-write", "1"), command("config", "set", "min-replicas-to-write", "0")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := server(t, test.settings...)
			one := newNode(t, s, redisstore.Config{Poll: 50 * time.Millisecond, Timeout: 300 * time.Millisecond})
			r := one.Read(t, nodetest.All(""))
			id := one.MustPublish(t, "a", "1")
			r.Wants(t, "before", "1")
			if err := one.Health(); err != nil {
				t.Errorf("Health: got %v, want none", err)
			}
			must(t, test.away(s))
			for range 3 {
				refused(t, one)
			}
			must(t, test.back(s))
			one.PublishWhenBack(t, "a", "2")
			got := r.Until(t, "after", func(data []string) bool { return data[len(data)-1] == "2" })
			again := one.Read(t, nodetest.All(id)).Until(t, "resumed", func(data []string) bool { return len(data) == len(got)-1 })
			for _, data := range append(got[1:], again...) {
				if data != "2" && data != "refused" { // which may have been published
					t.Errorf("after: got %q", data)
				}
			}
			if err := one.Health(); err != nil {
				t.Errorf("Health after: got %v, want none", err)
			}
		})
	}
}

// refused publishes while the server is away.
func refused(t *testing.T, n nodetest.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nodetest.Patience)
	defer cancel()
	if _, err := n.Publish(ctx, "a", event("refused")); !errors.Is(err, errUnavailable) {
		t.Errorf("Publish while the server is away: got %v, want ErrUnavailable", err)
	}
	// A server that can be read from is away until the next look at it.
	if err := n.Health(); err != nil && (!errors.Is(err, history.ErrUnavailable) || !errors.Is(err, core.ErrStore)) {
		t.Errorf("Health while the server is away: got %v, want ErrUnavailable", err)
	}
}

func signal(sig syscall.Signal) func(s *redistest.Server) error {
	return func(s *redistest.Server) error { return s.Signal(sig) }
}

func command(args ...any) func(s *redistest.Server) error {
	return func(s *redistest.Server) error {
		_, err := s.Do(args...)
		return err
	}
}

// answered is an error that a server has answered.
type answered string

func (a answered) Error() string { return string(a) }

// RedisError implements [redis.Error].
func (a answered) RedisError() {}

// Errors that pass are told from those that do not.
func TestAwayAnswers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"LOADING Redis is loading the dataset in memory":                      true,
		"READONLY You can't write against a read only replica.":               true,
		"MASTERDOWN Link with MASTER is down":                                 true,
		"OOM command not allowed when used memory > 'maxmemory'.":             true,
		"MISCONF Redis is configured to save RDB snapshots":                   true,
		"CLUSTERDOWN The cluster is down":                                     true,
		"MOVED 1 127.0.0.1:7000":                                              true,
		"ERR max number of clients reached":                                   true,
		"NOPERM this user has no permissions":                                 false,
		"NOAUTH Authentication required.":                                     false,
		"WRONGTYPE Operation against a key holding the wrong kind of value":   false,
		"ERR user_script:1: attempt to index a nil value script: 0, on @x:1.": false,
	} {
		if got := redisstore.IsAway(fmt.Errorf("call: %w", answered(text))); got != want {
			t.Errorf("%s: got away %v, want %v", text, got, want)
		}
	}
}
