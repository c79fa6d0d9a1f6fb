package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Bouncer is a PgBouncer in transaction mode before a cluster.
type Bouncer struct {
	dir    string
	server *exec.Cmd
	ended  chan struct{}
}

// Bounce starts a PgBouncer before the cluster, with so few connections to it that
// the transactions of several sessions share each of them. The caller calls Stop.
func (c *Cluster) Bounce() (*Bouncer, error) {
	path, err := exec.LookPath("pgbouncer")
	if err != nil { // Debian keeps it where the PATH of others than root does not lead
		path = "/usr/sbin/pgbouncer"
	}
	dir, err := os.MkdirTemp("", "tidings-pb-")
	if err != nil {
		return nil, err
	}
	if uid, gid, ownerErr := owner(); ownerErr == nil && uid >= 0 {
		err = os.Chown(dir, uid, gid)
	}
	config := filepath.Join(dir, "config")
	if err == nil {
		err = os.WriteFile(config, bouncerConfig(c.dir, dir), 0o644) //nolint:gosec // Another user reads it.
	}
	b := &Bouncer{dir: dir, ended: make(chan struct{})}
	if err == nil {
		b.server, err = c.command(context.Background(), "", "-q", config)
	}
	if err == nil {
		b.server.Path = path
		err = b.server.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		defer close(b.ended)
		_ = b.server.Wait()
	}()
	if err := await(b.DSN("postgres"), b.ended, filepath.Join(b.dir, "log")); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

// bouncerConfig returns the configuration of a PgBouncer in a directory, before the
// server with a socket in another one.
func bouncerConfig(server, dir string) []byte {
	return fmt.Appendf(nil, `[databases]
* = host=%s port=5432 user=postgres
[pgbouncer]
listen_port = 6432
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
logfile = %s
`, server, dir, filepath.Join(dir, "log"))
}

// DSN returns how to connect to a database through the PgBouncer.
func (b *Bouncer) DSN(database string) string {
	return fmt.Sprintf("host=%s port=6432 user=postgres dbname=%s", b.dir, database)
}

// Stop ends the PgBouncer, and removes its files.
func (b *Bouncer) Stop() error {
	err := syscall.Kill(b.server.Process.Pid, syscall.SIGTERM)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	<-b.ended
	return errors.Join(err, os.RemoveAll(b.dir))
}
