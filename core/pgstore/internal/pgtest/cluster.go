// Package pgtest runs throw-away Postgres servers for tests, from the programs of
// Debian's package postgresql.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a Postgres server on a Unix socket, with its data in a temporary
// directory. Its only user is "postgres", without a password.
type Cluster struct {
	dir  string // holds data, the socket and the log
	bin  string // of Postgres' programs
	args []string

	mu     sync.Mutex
	server *exec.Cmd
	ended  chan struct{} // closed when server has ended
}

// Start makes a cluster and starts its server. Settings are added to the command
// line, like "fsync=off". The caller calls Stop.
func Start(settings ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	return start(bin, settings, func(c *Cluster) error {
		return errors.Join(
			c.run("initdb", "-D", c.pristine(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"),
			c.copy(c.pristine()))
	})
}

// Another starts another cluster, which is empty. That is faster than Start.
func (c *Cluster) Another(settings ...string) (*Cluster, error) {
	return start(c.bin, settings, func(a *Cluster) error { return a.copy(c.pristine()) })
}

// start starts a cluster whose directory fill has filled.
func start(bin string, settings []string, fill func(c *Cluster) error) (*Cluster, error) {
	// The path of a socket has 107 bytes at most: no deep directory of the test.
	dir, err := os.MkdirTemp("", "tidings-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin}
	for _, s := range append([]string{
		"listen_addresses=", "unix_socket_directories=" + dir, "max_connections=200", "shared_buffers=64MB",
		"log_min_messages=warning", "max_wal_size=256MB",
	}, settings...) {
		c.args = append(c.args, "-c", s)
	}
	uid, gid, err := owner()
	if err == nil && uid >= 0 {
		err = os.Chown(dir, uid, gid)
	}
	if err == nil {
		err = fill(c)
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// pristine is the directory of an empty cluster that never ran.
func (c *Cluster) pristine() string { return filepath.Join(c.dir, "pristine") }

// Save keeps a copy of the data. The server must not run.
func (c *Cluster) Save() error { return c.copyTo(c.data(), c.data()+".saved") }

// Rewind replaces the data by the copy. The server must not run.
func (c *Cluster) Rewind() error {
	if err := os.RemoveAll(c.data()); err != nil {
		return err
	}
	return os.Rename(c.data()+".saved", c.data())
}

// copy makes the data of another cluster those of this one.
func (c *Cluster) copy(from string) error { return c.copyTo(from, c.data()) }

func (c *Cluster) copyTo(from, to string) error {
	cmd, err := c.command(context.Background(), "", "-a", from, to)
	if err != nil {
		return err
	}
	if cmd.Path, err = exec.LookPath("cp"); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}

// DSN returns how to connect to a database of the server.
func (c *Cluster) DSN(database string) string {
	return fmt.Sprintf("host=%s port=5432 user=postgres dbname=%s", c.dir, database)
}

// Socket returns the path of the server's socket.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

// Start starts the server again, and waits until it takes connections. After
// SIGKILL, the memory of the server before may be in use for a moment.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.startOnce()
	for range 20 {
		if err == nil {
			break
		}
		timer := time.NewTimer(250 * time.Millisecond)
		<-timer.C
		err = c.startOnce()
	}
	return err
}

func (c *Cluster) startOnce() error {
	output, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	cmd, err := c.command(context.Background(), "postgres", append([]string{"-D", c.data()}, c.args...)...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	c.server, c.ended = cmd, ended
	return await(c.DSN("postgres"), ended, filepath.Join(c.dir, "log"))
}

// await waits until a server takes connections. If it ends before, the error has
// its log.
func await(dsn string, ended <-chan struct{}, log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-again.C:
		case <-ended:
			text, _ := os.ReadFile(log) //nolint:gosec // The path of a test.
			return fmt.Errorf("the server ended: %s", text)
		case <-ctx.Done():
			return err
		}
	}
}

// Signal ends the server and waits for it: with SIGINT in order, with SIGQUIT at
// once. With SIGKILL, all its processes are killed.
func (c *Cluster) Signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	pid := c.server.Process.Pid
	pids := []int{pid}
	if sig == syscall.SIGKILL {
		pids = append(pids, children(pid)...)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	<-c.ended
	c.server = nil
	return nil
}

// Stop ends the server and removes all its files.
func (c *Cluster) Stop() error {
	err := c.Signal(syscall.SIGQUIT)
	return errors.Join(err, os.RemoveAll(c.dir))
}

// Run runs one of Postgres' programs, like pg_dump, which connects to the server
// by default, and returns its output.
func (c *Cluster) Run(input []byte, program string, args ...string) ([]byte, error) {
	cmd, err := c.command(context.Background(), program, args...)
	if err != nil {
		return nil, err
	}
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, problems.Bytes())
	}
	return out.Bytes(), nil
}

// Exec runs SQL statements as the superuser.
func (c *Cluster) Exec(ctx context.Context, database, text string) error {
	conn, err := pgx.Connect(ctx, c.DSN(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, text)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func (c *Cluster) run(program string, args ...string) error {
	_, err := c.Run(nil, program, args...)
	return err
}

// command returns a command that is run as a user who is not root.
func (c *Cluster) command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...) //nolint:gosec // The program is Postgres'.
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PGHOST="+c.dir, "PGPORT=5432", "PGUSER=postgres", "LC_ALL=C")
	cmd.SysProcAttr = process()
	uid, gid, err := owner()
	if uid >= 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // They are IDs.
	}
	return cmd, err
}

// programs returns the directory of Postgres' programs: on Debian, of the newest
// version that is installed.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return versionOf(a) - versionOf(b) })
	if n := len(found); n > 0 {
		return filepath.Dir(found[n-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("postgres is not installed (make setup): %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

func versionOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// children returns the children of a process, each of which leads a group of its
// own.
func children(parent int) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range found {
		text, err := os.ReadFile(path) //nolint:gosec // It is the kernel's.
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		var ppid int
		if _, err := fmt.Sscan(rest, &state, &ppid); err == nil && ppid == parent {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}
