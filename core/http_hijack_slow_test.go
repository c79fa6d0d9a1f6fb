//go:build linux

//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// stall opens a client that does not read and publishes more than the sockets
// and the ring hold, while another client reads.
func stall(t *testing.T, f *fixture) (stalled *rawClient, freed <-chan struct{}) {
	t.Helper()
	stalled, well := f.open(t, "/", "", 8<<10), f.open(t, "/", "", 0)
	freed = released(ssetest.Receive(t, f.Opened, "stream"))
	<-f.Opened
	stalled.readPrelude(t)
	well.readPrelude(t)
	for i := range 60 {
		data := strconv.Itoa(i) + strings.Repeat("x", 64<<10)
		publish(t, f.Hub, "a", data)
		well.wantData(t, data)
	}
	return stalled, freed
}

// released returns a channel that is closed when a stream's memory is freed.
func released(s *core.Stream) <-chan struct{} {
	freed := make(chan struct{})
	runtime.AddCleanup(s, func(c chan struct{}) { close(c) }, freed)
	return freed
}

func wantFreed(t *testing.T, freed <-chan struct{}) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(ssetest.Patience)
	for time.Now().Before(end) {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-ticker.C:
		}
	}
	t.Error("memory of a stream that ended: still held")
}

// The stream of a client that reads again after its next event has left the
// ring ends, at the boundary of an event.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackSlow(t *testing.T) {
	wantNoLeaks(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingEvents: 8, RingBytes: 1 << 30})
		f := openFixture(t, hub, core.GateConfig{}, map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		stalled, freed := stall(t, f)
		if n := len(f.Closes); n > 0 {
			t.Errorf("ended before it reads again: got %d streams, want none", n)
		}
		fds := descriptors()
		var last uint64
		for n := 0; ; n++ {
			ev, err := stalled.dec.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("event %d: %v", n, err)
			}
			at, _ := core.ParsePosition(ev.ID)
			if want := strconv.Itoa(n) + strings.Repeat("x", 64<<10); ev.Data != want || last > 0 && at.Seq != last+1 {
				t.Errorf("event %d: got %.20q after %d", n, ev.Data, last)
			}
			last = at.Seq
		}
		if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrSlow) || sum.Events == 0 || sum.Bytes == 0 {
			t.Errorf("summary: got %+v, want ErrSlow and what was sent", sum)
		}
		eventually(t, "descriptors, without the stream's", fds-1, descriptors)
		wantFreed(t, freed)
		if got := hub.Stats().Streams; got != 1 {
			t.Errorf("streams: got %d, want 1", got)
		}
	})
}

// The stream of a client that reads nothing ends after the write timeout.
//
//nolint:paralleltest // It counts descriptors.
func TestHijackWriteTimeout(t *testing.T) {
	wantNoLeaks(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingBytes: 1 << 30})
		f := openFixture(t, hub, core.GateConfig{WriteTimeout: 300 * time.Millisecond},
			map[string]func(*core.Gate) *core.Endpoint{"/": subscribeTo("a")})
		stalled, freed := stall(t, f)
		if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrWriteTimeout) || sum.Duration < 300*time.Millisecond || sum.Bytes == 0 {
			t.Errorf("summary: got %+v, want ErrWriteTimeout after some time, and what was sent", sum)
		}
		wantFreed(t, freed)
		well := f.open(t, "/", "", 0)
		well.readPrelude(t)
		publish(t, hub, "a", "after")
		well.wantData(t, "after")
		if got := hub.Stats().Streams; got != 2 {
			t.Errorf("streams: got %d, want 2", got)
		}
		// What was not sent yet was thrown away.
		if _, err := io.Copy(io.Discard, stalled.in); err == nil {
			t.Error("the rest of the stream: got a decent end, want a reset")
		}
	})
}
