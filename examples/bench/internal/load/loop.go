//go:build linux

package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// control is the epoll data of the command input; clients have their index.
const control = math.MaxInt32

// loop is the one thread that does it all.
type loop struct {
	epoll    int
	commands int // the file descriptor of the command input
	answers  io.Writer
	input    []byte // commands, as far as they have come

	clients []client
	addr    unix.SockaddrInet4
	host    string

	pending *Command // the connect or wait that is in progress
	started time.Time
	next    int // the client that connects next
	flight  int // clients that are not yet streaming, of those that started

	buffer  []byte
	now     int64     // when buffer was read
	active  time.Time // when an event last came
	checked time.Time // when it was last looked who is current

	pace   pace
	report Report
	delays *Histogram
	part   *Histogram // the delays since the last mark
}

// Run carries out the commands that it reads from the file descriptor, until
// there are no more, or until the limit.
func Run(commands int, answers io.Writer, limit time.Duration) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	l := &loop{
		epoll: epoll, commands: commands, answers: answers,
		buffer: make([]byte, 256<<10), delays: &Histogram{}, part: &Histogram{},
	}
	defer l.close()
	if err := unix.SetNonblock(commands, true); err != nil {
		return fmt.Errorf("command input: %w", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: control}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, commands, &ev); err != nil {
		return fmt.Errorf("command input: %w", err)
	}
	return l.run(time.Now().Add(limit))
}

func (l *loop) close() {
	l.hangUp()
	// Nothing is to be done about an error here.
	_ = unix.Close(l.epoll)
}

func (l *loop) run(end time.Time) error {
	events := make([]unix.EpollEvent, 1024)
	for time.Now().Before(end) {
		timeout := 1000
		if l.pending != nil || l.pace.rate > 0 {
			timeout = 5
		}
		n, err := unix.EpollWait(l.epoll, events, timeout)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, ev := range events[:max(n, 0)] {
			if ev.Fd != control {
				l.ready(int(ev.Fd), ev.Events)
				continue
			}
			more, err := l.control()
			if err != nil || !more {
				return err
			}
		}
		l.turns()
		if err := l.progress(); err != nil {
			return err
		}
	}
	return errors.New("the load was not told to end in time")
}

// control reads commands. It reports false when there will be no more.
func (l *loop) control() (bool, error) {
	var chunk [4096]byte
	n, err := unix.Read(l.commands, chunk[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return true, nil
	}
	if err != nil || n == 0 {
		return false, err
	}
	l.input = append(l.input, chunk[:n]...)
	for {
		line, rest, complete := bytes.Cut(l.input, []byte("\n"))
		if !complete {
			return true, nil
		}
		var c Command
		if err := json.Unmarshal(line, &c); err != nil {
			return false, fmt.Errorf("command: %w", err)
		}
		l.input = append([]byte(nil), rest...)
		if err := l.do(&c); err != nil {
			return false, err
		}
	}
}

// do carries out a command, or begins to.
func (l *loop) do(c *Command) error {
	l.started = time.Now()
	l.active = l.started
	switch c.Do {
	case "connect":
		if err := l.prepare(c); err != nil {
			return l.answer(false, err)
		}
		l.pending = c
		return nil
	case "wait":
		l.pending = c
		return nil
	case "reset":
		l.report, l.delays, l.part = Report{}, &Histogram{}, &Histogram{}
	case "mark":
		l.report.Parts = append(l.report.Parts, time.Duration(l.part.Quantile(0.5)))
		l.part = &Histogram{}
	case "release":
		l.release()
	case "report":
	case "leave":
		return l.answer(false, l.leave())
	case "close":
		l.hangUp()
	default:
		return l.answer(false, fmt.Errorf("no such command: %q", c.Do))
	}
	return l.answer(false, nil)
}

// progress goes on with what is pending, and answers when it is done.
func (l *loop) progress() error {
	c := l.pending
	if c == nil {
		return nil
	}
	done := false
	switch {
	case c.Do == "connect":
		for l.next < len(l.clients) && l.flight < c.Window {
			l.dial(&l.clients[l.next], l.next)
			l.next++
		}
		done = l.next == len(l.clients) && l.flight == 0
	case c.Events > 0 && l.report.Events >= c.Events:
		done = true
	case c.Seq > 0 && l.allCurrent(c.Seq):
		done = true
	case c.Quiet > 0 && time.Since(l.active) >= c.Quiet:
		done = true
	}
	late := !done && time.Since(l.started) >= c.Timeout
	if !done && !late {
		return nil
	}
	if c.Do == "connect" {
		l.giveUp()
	}
	l.report.Current = l.current(c.Seq)
	l.report.Latest = l.latest(c.Seq)
	l.pending = nil
	return l.answer(late, nil)
}

// allCurrent reports whether every client that reads has seen an event, as of
// the last few milliseconds: going through them all takes its time.
func (l *loop) allCurrent(seq int64) bool {
	if time.Since(l.checked) < 5*time.Millisecond {
		return false
	}
	l.checked = time.Now()
	for i := range l.clients {
		if c := &l.clients[i]; !c.stalled && (!c.seen || c.seq < seq) {
			return false
		}
	}
	return true
}

// current returns how many clients have seen an event.
func (l *loop) current(seq int64) int {
	n := 0
	for i := range l.clients {
		if c := &l.clients[i]; c.seen && c.seq >= seq && !c.stalled {
			n++
		}
	}
	return n
}

// latest counts the keys of all clients whose latest event, as of the event
// with the number seq, has come.
func (l *loop) latest(seq int64) int {
	n := 0
	for i := range l.clients {
		for _, latest := range l.clients[i].latest {
			if latest > seq-int64(len(l.clients[i].latest)) {
				n++
			}
		}
	}
	return n
}

func (l *loop) answer(timedOut bool, err error) error {
	r := l.report
	r.Took, r.TimedOut = time.Since(l.started), timedOut
	for i := range l.clients {
		if l.clients[i].state == streaming {
			r.Open++
		}
	}
	r.P50 = time.Duration(l.delays.Quantile(0.5))
	r.P90 = time.Duration(l.delays.Quantile(0.9))
	r.P99 = time.Duration(l.delays.Quantile(0.99))
	r.Max = time.Duration(l.delays.Max())
	if err != nil {
		r.Error = err.Error()
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if _, err := l.answers.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// event counts what a client got.
func (l *loop) event(c *client, event []byte) {
	seq, at, ok := wire.Parse(event)
	if !ok {
		return
	}
	c.takeID(event)
	if c.seen && seq <= c.seq {
		l.report.Duplicates++
		return
	}
	if c.seen {
		l.report.Missing += seq - c.seq - 1
	}
	c.seen, c.seq = true, seq
	l.report.Events++
	if l.report.First == 0 {
		l.report.First = l.now
	}
	l.report.Last = l.now
	if len(c.latest) > 0 {
		c.latest[seq%int64(len(c.latest))] = seq
	}
	l.delays.Record(l.now - at)
	l.part.Record(l.now - at)
}
