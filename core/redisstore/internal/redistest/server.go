// Package redistest runs throw-away Redis servers for tests, from the program of
// Debian's package redis-server.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/internal/nodetest"
)

// Server is a Redis server on a Unix socket, with its data in a temporary
// directory.
type Server struct {
	dir  string // holds data, the socket and the log
	args []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
	port  int           // for replicas, or 0
}

// Start makes a server and starts it. Settings are added to the command line, in
// pairs like "appendfsync", "always"; without any, it keeps nothing on disk. The
// caller calls Stop.
func Start(settings ...string) (*Server, error) {
	// The path of a socket has 107 bytes at most: no deep directory of the test.
	dir, err := os.MkdirTemp("", "tidings-redis-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	settings = append([]string{
		"port", "0", "bind", "127.0.0.1", "unixsocket", s.Socket(), "dir", dir, "save", "", "daemonize", "no",
		"repl-diskless-sync-delay", "0", "repl-diskless-load", "swapdb", "enable-debug-command", "yes",
	}, settings...)
	for i := 0; i+1 < len(settings); i += 2 {
		s.args = append(s.args, "--"+settings[i], settings[i+1])
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// Socket returns the path of the server's socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

// URL returns how to connect to the server.
func (s *Server) URL() string { return "unix://" + s.Socket() }

// Client returns a client, which the caller closes.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket(), MaxRetries: -1, DisableIdentity: true})
}

// Start starts the server again, and waits until it has loaded its data.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, "log")
	output, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // The path of a test.
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("redis is not installed (make setup): %w", err)
	}
	cmd := exec.CommandContext(context.Background(), program, s.args...) //nolint:gosec // The program is Redis.
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.dir, output, output, process()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	s.cmd, s.ended, s.port = cmd, ended, 0
	return s.await(func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() })
}

// await calls ask until it succeeds. If the server ends before,
// the error has its log.
func (s *Server) await(ask func(ctx context.Context, c *redis.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	c := s.Client()
	defer func() { _ = c.Close() }()
	for {
		err := ask(ctx, c)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-s.ended:
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server ended: %s", text)
		case <-ctx.Done():
			return err
		}
	}
}

// Signal sends a signal to the server.
func (s *Server) Signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	err := syscall.Kill(s.cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	if err == nil && (sig == syscall.SIGKILL || sig == syscall.SIGTERM) {
		<-s.ended
		s.cmd = nil
	}
	return err
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() error { return s.Signal(syscall.SIGKILL) }

// Stop ends the server and removes all its files.
func (s *Server) Stop() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

// Do runs a command.
func (s *Server) Do(args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := s.Client()
	defer func() { _ = c.Close() }()
	return c.Do(ctx, args...).Result()
}

// Save keeps a snapshot of the data.
func (s *Server) Save() error {
	if _, err := s.Do("save"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.dir, "dump.rdb"), filepath.Join(s.dir, "saved"))
}

// Restore kills the server, and starts it with the snapshot.
func (s *Server) Restore() error {
	return errors.Join(s.Kill(), os.Rename(filepath.Join(s.dir, "saved"), filepath.Join(s.dir, "dump.rdb")), s.Start())
}

// Replica starts a replica of the server, and waits until it follows. The caller
// calls its Stop.
func (s *Server) Replica(settings ...string) (*Server, error) {
	port, err := s.Port()
	if err != nil {
		return nil, err
	}
	r, err := Start(settings...)
	if err != nil {
		return nil, err
	}
	_, err = r.Do("replicaof", "127.0.0.1", port)
	if err == nil {
		err = r.await(func(ctx context.Context, c *redis.Client) error {
			role, failure := c.Do(ctx, "role").Slice()
			if failure == nil && (len(role) < 4 || role[3] != "connected") {
				failure = errors.New("the replica does not follow")
			}
			return failure
		})
	}
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// Port has the server listen on a port of the loopback interface, and returns it.
func (s *Server) Port() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for range 10 { // another process may be faster
		if s.port > 0 {
			return s.port, nil
		}
		var free int
		if free, err = nodetest.FreePort(); err != nil {
			return 0, err
		}
		if _, err = s.Do("config", "set", "port", strconv.Itoa(free)); err == nil {
			s.port = free
		}
	}
	return s.port, err
}
