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
	"sync"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// nchanModule is where Debian's libnginx-mod-nchan puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// HasNchan reports whether nginx and its module nchan are installed.
func HasNchan() bool {
	_, err := nginxPath()
	_, missing := os.Stat(nchanModule)
	return err == nil && missing == nil
}

// nchanConfig is for one worker, which is pinned from outside like every other
// server. Whoever is behind gets what the module keeps of a channel: as much as
// a hub's ring holds by default.
const nchanConfig = `
load_module %[1]s;
worker_processes 1;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {` + nginxFiles + `
	keepalive_requests 1000000;
	nchan_shared_memory_size 256M;
	nchan_message_buffer_length 1024;
	nchan_message_timeout 10m;
	server {
		listen %[2]s backlog=4096;
		location = /events {
			nchan_subscriber eventsource;
			nchan_subscriber_first_message newest;
			nchan_channel_id $arg_stream;
		}
		location = /publish { nchan_publisher http; nchan_channel_id $arg_stream; }
	}
}
`

// nchan is the module at work. It is published to by HTTP, over one connection, from
// this process: nothing but nchan's own part of it is in the server's account.
type nchan struct {
	nginx     *nginx
	worker    int
	publisher *wire.Publisher

	conn    net.Conn
	mu      sync.Mutex
	failure error
}

func startNchan(cores Cores) (Server, error) {
	n, err := startNginx(cores.Server, func(addr string) string { return fmt.Sprintf(nchanConfig, nchanModule, addr) })
	if err != nil {
		return nil, err
	}
	s := &nchan{nginx: n}
	s.publisher = wire.NewPublisher(s.post)
	if s.worker, err = onlyChild(n.cmd.Process.Pid); err == nil {
		var d net.Dialer
		s.conn, err = d.DialContext(context.Background(), "tcp4", n.addr)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("nchan: %w", err)
	}
	go s.readAnswers()
	return s, nil
}

// post sends one event. The answers are read meanwhile: nginx takes requests
// that come one after the other without waiting, and no batches.
func (s *nchan) post(channel int, data string) error {
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
func (s *nchan) readAnswers() {
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
func (s *nchan) Addr() string { return s.nginx.addr }

// PID implements [Server].
func (s *nchan) PID() int { return s.worker }

// Publish implements [Server].
func (s *nchan) Publish(o wire.Order) (wire.Done, error) {
	return s.publisher.Run(o), nil
}

// Close implements [Server].
func (s *nchan) Close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.nginx.close()
}

// onlyChild waits for the one child of a process: nginx's worker.
func onlyChild(pid int) (int, error) {
	for range 100 {
		pids, err := children(pid)
		if err != nil {
			return 0, err
		}
		if len(pids) == 1 {
			return pids[0], nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, errors.New("nginx has no worker, or more than one")
}
