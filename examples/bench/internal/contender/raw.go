//go:build linux

package contender

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// rawServer is the limit: what is left when nothing is done but one write of
// an encoded event to each socket. It is no server that anybody should run: a
// client that sends its request slowly keeps the others from connecting, one
// that reads slowly misses events.
type rawServer struct {
	listener int
	number   int
	accepted sync.WaitGroup

	mu      sync.Mutex
	clients [][]int // file descriptors, by channel
}

const rawHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
	"Connection: close\r\n\r\n"

func startRaw(ln net.Listener, cfg Config) (Server, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a %T has no file descriptor", ln)
	}
	file, err := tcp.File()
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	defer file.Close() //nolint:errcheck // The duplicate below is what counts.
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	if err := errors.Join(unix.SetNonblock(fd, false), ln.Close()); err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	s := &rawServer{listener: fd, clients: make([][]int, max(cfg.Channels, 1))}
	names := channelNames(cfg)
	channels := make(map[string]int, len(names))
	for i, name := range names {
		channels[name] = i
	}
	s.accepted.Go(func() { s.accept(channels) })
	return s, nil
}

// accept takes connections, until the listener is shut down.
func (s *rawServer) accept(channels map[string]int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			return
		}
		channel, err := greet(fd, channels)
		if err != nil {
			_ = unix.Close(fd)
			continue
		}
		s.mu.Lock()
		s.clients[channel] = append(s.clients[channel], fd)
		s.mu.Unlock()
	}
}

// greet reads a request and answers with the head.
func greet(fd int, channels map[string]int) (channel int, err error) {
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return 0, fmt.Errorf("timeout: %w", err)
	}
	var buffer [2048]byte
	n := 0
	for !bytes.Contains(buffer[:n], []byte("\r\n\r\n")) {
		read, err := unix.Read(fd, buffer[n:])
		if err != nil || read == 0 {
			return 0, fmt.Errorf("request: %w", err)
		}
		n += read
	}
	_, name, _ := strings.Cut(string(buffer[:n]), "stream=")
	name, _, _ = strings.Cut(name, " ")
	channel, ok := channels[name]
	if !ok {
		return 0, fmt.Errorf("no channel %q", name)
	}
	// Nagle would wait for acknowledgements; Go turns it off for the others.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, fmt.Errorf("no delay: %w", err)
	}
	if _, err := unix.Write(fd, []byte(rawHead)); err != nil {
		return 0, fmt.Errorf("head: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return 0, fmt.Errorf("non-blocking: %w", err)
	}
	return channel, nil
}

// Publish writes the event to each client's socket. A full socket misses the
// event; one that is closed, or took a part only, is dropped.
func (s *rawServer) Publish(channel int, data string) error {
	s.number++
	frame := encode(s.number, data)
	s.mu.Lock()
	defer s.mu.Unlock()
	alive := s.clients[channel][:0]
	for _, fd := range s.clients[channel] {
		n, err := unix.Write(fd, frame)
		if n == len(frame) || errors.Is(err, unix.EAGAIN) {
			alive = append(alive, fd)
			continue
		}
		_ = unix.Close(fd)
	}
	s.clients[channel] = alive
	return nil
}

// Close implements [Server].
func (s *rawServer) Close() error {
	// Closing would not wake the thread in accept.
	err := unix.Shutdown(s.listener, unix.SHUT_RDWR)
	s.accepted.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fds := range s.clients {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}
	return errors.Join(err, unix.Close(s.listener))
}
