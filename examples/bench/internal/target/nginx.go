//go:build linux

package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// nchanModule is where Debian's libnginx-mod-nchan puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// HasNchan reports whether nginx and its module nchan are installed.
func HasNchan() bool {
	_, err := exec.LookPath("nginx")
	_, missing := os.Stat(nchanModule)
	return err == nil && missing == nil
}

// nginxConfig is for one worker, which is pinned from outside like every other
// server. Whoever is behind gets what the module keeps of a channel: as much as
// a hub's ring holds by default.
const nginxConfig = `
load_module %[1]s;
daemon off;
worker_processes 1;
worker_rlimit_nofile %[2]d;
pid %[3]s/nginx.pid;
error_log %[3]s/error.log;
events { worker_connections %[4]d; }
http {
	access_log off;
	keepalive_requests 1000000;
	client_body_temp_path %[3]s/body;
	proxy_temp_path %[3]s/proxy;
	fastcgi_temp_path %[3]s/fastcgi;
	uwsgi_temp_path %[3]s/uwsgi;
	scgi_temp_path %[3]s/scgi;
	nchan_shared_memory_size 256M;
	nchan_message_buffer_length 1024;
	nchan_message_timeout 10m;
	server {
		listen %[5]s backlog=4096;
		location = /events {
			nchan_subscriber eventsource;
			nchan_subscriber_first_message newest;
			nchan_channel_id $arg_stream;
		}
		location = /publish { nchan_publisher http; nchan_channel_id $arg_stream; }
	}
}
`

// nginx is nchan at work. It is published to by HTTP, over one connection, from
// this process: nothing but nchan's own part of it is in the server's account.
type nginx struct {
	cmd       *exec.Cmd
	dir       string
	addr      string
	worker    int
	publisher *wire.Publisher

	conn    net.Conn
	mu      sync.Mutex
	failure error
}

func startNginx(cores Cores) (_ *nginx, err error) {
	dir, err := os.MkdirTemp("", "nchan")
	if err != nil {
		return nil, fmt.Errorf("directory for nginx: %w", err)
	}
	s := &nginx{dir: dir}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, nchanModule, 20000, dir, 19000, s.addr)
	if err = os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	s.cmd = exec.Command("nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config)
	s.cmd.Stderr = &tail{}
	var pinned []int
	if cores.Server >= 0 {
		pinned = []int{cores.Server}
	}
	if err = proc.Start(s.cmd, pinned...); err != nil {
		return nil, fmt.Errorf("nginx: %w", err)
	}
	if err = s.connect(); err != nil {
		return nil, fmt.Errorf("nginx: %w%s", err, s.complaints())
	}
	if s.worker, err = onlyChild(s.cmd.Process.Pid); err != nil {
		return nil, err
	}
	s.publisher = wire.NewPublisher(s.post)
	return s, nil
}

// connect waits for nginx to listen, and begins to read answers.
func (s *nginx) connect() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp4", s.addr)
		if err == nil {
			s.conn = conn
			break
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	go s.readAnswers()
	return nil
}

// post sends one event. The answers are read meanwhile: nginx takes requests
// that come one after the other without waiting, and no batches.
func (s *nginx) post(channel int, data string) error {
	s.mu.Lock()
	err := s.failure
	s.mu.Unlock()
	if err != nil {
		return err
	}
	request := fmt.Appendf(make([]byte, 0, len(data)+100),
		"POST /publish?stream=%s HTTP/1.1\r\nHost: nchan\r\nContent-Length: %d\r\n\r\n%s",
		wire.Channel(channel), len(data), data)
	if _, err := s.conn.Write(request); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// readAnswers checks every answer, until the connection ends.
func (s *nginx) readAnswers() {
	answers := bufio.NewReader(s.conn)
	for {
		err := readAnswer(answers)
		if err != nil {
			s.mu.Lock()
			if s.failure == nil {
				s.failure = err
			}
			s.mu.Unlock()
		}
		if errors.Is(err, errNoAnswer) {
			return
		}
	}
}

var errNoAnswer = errors.New("no more answers")

func readAnswer(r *bufio.Reader) error {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer response.Body.Close() //nolint:errcheck // Read to its end.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("publish: status %d", response.StatusCode)
	}
	return nil
}

// Addr implements [Server].
func (s *nginx) Addr() string { return s.addr }

// PID implements [Server].
func (s *nginx) PID() int { return s.worker }

// Publish implements [Server].
func (s *nginx) Publish(o wire.Order) (wire.Done, error) {
	return s.publisher.Run(o), nil
}

// Close implements [Server].
func (s *nginx) Close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.cmd != nil && s.cmd.Process != nil {
		// Its master passes it on to the worker.
		_ = s.cmd.Process.Signal(os.Interrupt)
		killer := time.AfterFunc(3*time.Second, func() {
			if worker, err := os.FindProcess(s.worker); err == nil && s.worker > 0 {
				_ = worker.Kill()
			}
			_ = s.cmd.Process.Kill()
		})
		_ = s.cmd.Wait()
		killer.Stop()
	}
	_ = os.RemoveAll(s.dir)
}

// complaints returns the end of nginx's log.
func (s *nginx) complaints() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "error.log"))
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

// onlyChild waits for the one child of a process: nginx's worker.
func onlyChild(pid int) (int, error) {
	file := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for range 100 {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("nginx's worker: %w", err)
		}
		if children := strings.Fields(string(text)); len(children) == 1 {
			child, err := strconv.Atoi(children[0])
			if err != nil {
				return 0, fmt.Errorf("nginx's worker: %w", err)
			}
			return child, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, errors.New("nginx has no worker, or more than one")
}
