//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// Sockets of clients that stall are small, so that they are full soon: without
// it the loopback's large segments let megabytes through first. Those of clients
// that read slowly have the small buffer only, so that what waits for them waits
// at the server.
const (
	stalledSegment = 536
	smallBuffer    = 4096
)

// prepare sets the clients up for a connect.
func (l *loop) prepare(c *Command) error {
	addr, err := netip.ParseAddrPort(c.Addr)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	l.host = c.Addr
	l.addr = unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	c.Window = max(c.Window, 1)
	c.Channels = max(c.Channels, 1)
	l.next, l.flight = 0, 0
	l.pace = pace{rate: c.Rate, begin: time.Now()}
	if c.Resume {
		return nil
	}
	l.hangUp()
	l.clients = make([]client, c.Clients)
	for i := range l.clients {
		l.clients[i].channel = i % c.Channels
		l.clients[i].stalled = i < c.Stalled
		l.clients[i].paced = c.Rate > 0
		l.clients[i].latest = make([]int64, c.Keys)
	}
	return nil
}

// dial begins to connect a client.
func (l *loop) dial(c *client, index int) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.report.Refused++
		return
	}
	c.fd, c.state, c.carry = fd, connecting, c.carry[:0]
	l.flight++
	if err := l.connect(c, index); err != nil {
		l.lose(c)
	}
}

func (l *loop) connect(c *client, index int) error {
	if c.stalled {
		if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, stalledSegment); err != nil {
			return fmt.Errorf("segment: %w", err)
		}
	}
	if c.stalled || c.paced {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, smallBuffer); err != nil {
			return fmt.Errorf("buffer: %w", err)
		}
	}
	// Closing sends RST, so that no port waits in TIME_WAIT.
	if err := unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fmt.Errorf("linger: %w", err)
	}
	if err := unix.Connect(c.fd, &l.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	return l.watch(c, index, unix.EPOLL_CTL_ADD, unix.EPOLLOUT)
}

// watch tells epoll what a client waits for.
func (l *loop) watch(c *client, index, operation int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(index)}
	if err := unix.EpollCtl(l.epoll, operation, c.fd, &ev); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// request sends the request, which a new socket has room for.
func (l *loop) request(c *client, index int) error {
	if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		return errors.Join(err, unix.Errno(code))
	}
	request := fmt.Appendf(nil, "GET /events?stream=%s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n",
		wire.Channel(c.channel), l.host)
	if len(c.id) > 0 {
		request = fmt.Appendf(request, "Last-Event-ID: %s\r\n", c.id)
	}
	request = append(request, "\r\n"...)
	if n, err := unix.Write(c.fd, request); err != nil || n < len(request) {
		return fmt.Errorf("request: %d of %d bytes: %w", n, len(request), err)
	}
	c.state = waiting
	return l.watch(c, index, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
}

// ready handles what epoll says about a client.
func (l *loop) ready(index int, events uint32) {
	c := &l.clients[index]
	switch {
	case c.state == closed:
		return
	case c.state == connecting:
		if l.request(c, index) != nil {
			l.lose(c)
		}
		return
	case (c.stalled || c.paced) && c.state == streaming:
		l.lose(c) // it is watched for nothing else
		return
	case events&unix.EPOLLIN == 0:
		l.lose(c)
		return
	}
	l.read(c, index, l.buffer)
}

// read reads once, as much as there is room for.
func (l *loop) read(c *client, index int, buffer []byte) {
	n, err := unix.Read(c.fd, buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if err != nil || n <= 0 {
		l.lose(c)
		return
	}
	l.now = wire.Now()
	l.report.Bytes += int64(n)
	l.report.Reads++
	before := l.report.Events
	l.take(c, index, buffer[:n])
	if l.report.Events != before {
		l.active = time.Now()
	}
}

// take hands bytes to a client.
func (l *loop) take(c *client, index int, p []byte) {
	if c.state == waiting {
		rest, complete, ok := c.head(p)
		if !complete {
			return
		}
		if !ok {
			l.lose(c)
			return
		}
		c.state = streaming
		l.flight--
		if c.stalled {
			if l.watch(c, index, unix.EPOLL_CTL_MOD, unix.EPOLLRDHUP) != nil {
				l.lose(c)
			}
			return
		}
		if c.paced && l.watch(c, index, unix.EPOLL_CTL_MOD, 0) != nil {
			l.lose(c)
			return
		}
		p = rest
	}
	if !c.body(p, l.event) {
		l.lose(c)
	}
}

// lose closes a connection, and counts why.
func (l *loop) lose(c *client) {
	switch {
	case c.state != streaming:
		l.flight--
		l.report.Refused++
	case c.stalled:
		l.report.StalledDisconnected++
	default:
		l.report.Disconnected++
	}
	c.drop()
}

// giveUp drops the clients that have not got a stream.
func (l *loop) giveUp() {
	for i := range l.clients {
		if s := l.clients[i].state; s == connecting || s == waiting {
			l.lose(&l.clients[i])
		}
	}
	l.report.Refused += len(l.clients) - l.next
}

// hangUp closes all connections. What the clients know remains.
func (l *loop) hangUp() {
	for i := range l.clients {
		if l.clients[i].state != closed {
			l.clients[i].drop()
		}
	}
}

// leave closes the connection of one client that has a stream, with FIN.
func (l *loop) leave() error {
	i := slices.IndexFunc(l.clients, func(c client) bool { return c.state == streaming })
	if i < 0 {
		return errors.New("no client has a stream")
	}
	c := &l.clients[i]
	if err := unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}); err != nil {
		return fmt.Errorf("linger: %w", err)
	}
	l.report.Left = wire.Now()
	c.drop()
	return nil
}

func (c *client) drop() {
	c.state = closed
	// epoll forgets it; nothing is to be done about an error.
	_ = unix.Close(c.fd)
}
