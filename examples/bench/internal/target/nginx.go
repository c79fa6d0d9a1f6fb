//go:build linux

package target

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/proc"
)

// nginxPath returns where nginx is. Debian keeps it where the PATH of others
// than root does not lead.
func nginxPath() (string, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		return exec.LookPath("/usr/sbin/nginx")
	}
	return path, nil
}

// nginxFiles are directives that keep nginx's files in its own directory.
const nginxFiles = `
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
`

// nginx is a running nginx.
type nginx struct {
	cmd  *exec.Cmd
	dir  string // its files
	addr string // where it listens
}

// startNginx starts nginx on one core, or on any if it is negative, and waits
// until it listens. The text of the configuration depends on the address to
// listen at.
func startNginx(core int, text func(addr string) string) (_ *nginx, err error) {
	path, err := nginxPath()
	if err != nil {
		return nil, fmt.Errorf("nginx: %w", err)
	}
	dir, err := os.MkdirTemp("", "nginx")
	if err != nil {
		return nil, fmt.Errorf("directory for nginx: %w", err)
	}
	n := &nginx{dir: dir}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err = os.WriteFile(config, []byte(text(n.addr)), 0o600); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	n.cmd = exec.Command(path, "-p", dir, "-c", config,
		"-e", filepath.Join(dir, "error.log"), "-g", "daemon off; pid nginx.pid;")
	n.cmd.Stderr = &tail{}
	var pinned []int
	if core >= 0 {
		pinned = []int{core}
	}
	if err = proc.Start(n.cmd, pinned...); err == nil {
		err = n.listening()
	}
	if err != nil {
		return nil, fmt.Errorf("nginx: %w%s", err, n.complaints())
	}
	return n, nil
}

// listening waits until nginx accepts connections.
func (n *nginx) listening() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp4", n.addr)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// close ends nginx and removes its files.
func (n *nginx) close() {
	if n.cmd != nil && n.cmd.Process != nil {
		// The master passes it on to its workers.
		_ = n.cmd.Process.Signal(os.Interrupt)
		killer := time.AfterFunc(3*time.Second, n.kill)
		_ = n.cmd.Wait()
		killer.Stop()
	}
	_ = os.RemoveAll(n.dir)
}

// kill ends nginx's workers and its master without asking.
func (n *nginx) kill() {
	workers, _ := children(n.cmd.Process.Pid)
	for _, pid := range workers {
		if worker, err := os.FindProcess(pid); err == nil {
			_ = worker.Kill()
		}
	}
	_ = n.cmd.Process.Kill()
}

// complaints returns the end of nginx's log.
func (n *nginx) complaints() string {
	text, err := os.ReadFile(filepath.Join(n.dir, "error.log"))
	if err != nil || len(text) == 0 {
		return ""
	}
	return "; it said: " + strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

// freeAddr returns an address that nobody listens at.
func freeAddr() (string, error) {
	var config net.ListenConfig
	ln, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

// children returns the processes that a process has started.
func children(pid int) ([]int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, fmt.Errorf("nginx's workers: %w", err)
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("nginx's workers: %w", err)
		}
		pids = append(pids, child)
	}
	return pids, nil
}
