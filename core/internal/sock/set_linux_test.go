package sock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/internal/sock"
)

// A full socket is reported once it is writable again.
func TestAwaitWritable(t *testing.T) {
	t.Parallel()
	for _, vector := range []bool{false, true} {
		set, events := watched(t)
		s, far := takeOver(t)
		defer func() { _ = s.Close() }()
		if err := set.Add(s, 3, 7); err != nil {
			t.Fatalf("Add: %v", err)
		}
		wantNone(t, set, events) // though it is writable
		for range 3 {
			sent := fill(t, s, vector)
			if err := set.AwaitWritable(s, 3, 7); err != nil {
				t.Fatalf("AwaitWritable: %v", err)
			}
			wantNone(t, set, events)
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("other side: got something else than was written, and %v", err)
			}
			wantEvent(t, events, sock.Event{Slot: 3, Gen: 7})
			for len(events) > 0 { // it may tell several times while the other side reads
				<-events
			}
		}
	}
}

func TestWritableAlready(t *testing.T) {
	t.Parallel()
	set, events := watched(t)
	s, _ := takeOver(t)
	defer func() { _ = s.Close() }()
	if err := set.Add(s, 0, 1); err != nil {
		t.Fatalf("Add: %v", err)
	}
	for gen := range int32(3) {
		if err := set.AwaitWritable(s, 0, gen); err != nil {
			t.Fatalf("AwaitWritable: %v", err)
		}
		wantEvent(t, events, sock.Event{Slot: 0, Gen: gen})
	}
	wantNone(t, set, events) // only once each
}

// A disconnect is reported, whether or not there is unread input.
func TestGone(t *testing.T) {
	t.Parallel()
	for _, input := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			for way, leave := range map[string]func(*net.TCPConn) error{
				"FIN":      (*net.TCPConn).Close,
				"half FIN": (*net.TCPConn).CloseWrite,
				"RST":      func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
			} {
				set, events := watched(t)
				s, far := takeOver(t)
				add := func() {
					if err := set.Add(s, 5, -1); err != nil {
						t.Fatalf("Add: %v", err)
					}
				}
				if !early {
					add()
				}
				if input {
					if _, err := far.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
						t.Fatalf("input: %v", err)
					}
					if !early {
						wantNone(t, set, events) // input is not reported
					}
				}
				if err := leave(far); err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				if early {
					add()
				}
				wantEvent(t, events, sock.Event{Slot: 5, Gen: -1, Gone: true})
				wantNone(t, set, events) // reported once
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		}
	}
}

// A closed socket reports nothing more, even if its descriptor is in use again.
func TestClosedSocket(t *testing.T) {
	t.Parallel()
	set, events := watched(t)
	for gen := range int32(20) {
		s, far := takeOver(t)
		if err := set.Add(s, 0, gen); err != nil {
			t.Fatalf("Add: %v", err)
		}
		if gen%2 == 0 {
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			_ = far.Close()
			wantNone(t, set, events)
			continue
		}
		_ = far.Close()
		wantEvent(t, events, sock.Event{Slot: 0, Gen: gen, Gone: true})
		_ = s.Close()
	}
}

// More sockets have something to tell than one system call returns.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	const n = 300
	set, events := watched(t)
	got := make([]int32, 0, n)
	var fars []*net.TCPConn
	for i := range int32(n) {
		s, far := takeOver(t)
		defer func() { _ = s.Close() }()
		if err := set.Add(s, i, 0); err != nil {
			t.Fatalf("Add: %v", err)
		}
		fars = append(fars, far)
	}
	for _, far := range fars {
		_ = far.Close()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range n {
		select {
		case ev := <-events:
			got = append(got, ev.Slot)
		case <-timer.C:
			t.Fatalf("events: got %d, want %d", len(got), n)
		}
	}
	slices.Sort(got)
	for i, slot := range got {
		if int(slot) != i {
			t.Fatalf("event %d: got slot %d, want each once", i, slot)
		}
	}
}
