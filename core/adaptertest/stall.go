//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// testStalledSubscriber stops reading. No other client notices, and the stream
// ends after the write timeout.
func testStalledSubscriber(t *testing.T, e ssetest.Env) {
	const events, size = 80, 256 << 10
	f := ssetest.New(t, e, core.HubConfig{RingBytes: 1 << 30, Store: core.NewMemoryStore(core.Retention{Bytes: 1 << 20})})
	f.Get("/", f.Gate(core.GateConfig{WriteTimeout: 500 * time.Millisecond}).Subscribe("news"))
	f.Get("/reader", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	stalled, reader := flooded(t, f, 4<<10, events, size)
	wantWriteTimeout(t, f)
	f.Publish(t, "news", core.Event{Data: "after"})
	reader.WantData(t, "after")
	if e.Owned() {
		// What was not sent yet is discarded.
		if _, err := io.Copy(io.Discard, stalled.Body); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the rest of the client that stopped reading: got %v, want a reset", err)
		}
	}
}

// testStalledHandler stops reading from a handler that sends as fast as it can.
func testStalledHandler(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	sendErr := make(chan error, 1)
	f.Get("/", f.Gate(core.GateConfig{WriteTimeout: 500 * time.Millisecond}).Handle(func(s *core.Sender) error {
		ev := core.Event{Data: strings.Repeat("x", 256<<10)}
		for {
			if err := s.Send(ev); err != nil {
				sendErr <- err
				return err
			}
		}
	}))
	f.Start(t)
	f.NarrowClient(t, 4<<10, 64<<10).Open(t, "/")
	if err := ssetest.Receive(t, sendErr, "error of Send"); !errors.Is(err, core.ErrWriteTimeout) {
		t.Errorf("error of Send: got %v, want ErrWriteTimeout", err)
	}
	wantWriteTimeout(t, f)
	f.Empty(t)
}

func wantWriteTimeout(t *testing.T, f *ssetest.Fixture) {
	t.Helper()
	if got := f.Closed(t); !errors.Is(got.Reason, core.ErrWriteTimeout) || !got.Opened || got.Bytes == 0 {
		t.Errorf("summary of the client that stopped reading: got %+v, want ErrWriteTimeout and what was sent", got)
	}
}

// testUnsent stops reading while much is published. The kernel takes little of
// it, so that the channel's policy soon applies.
func testUnsent(t *testing.T, e ssetest.Env) {
	const events, size, most = 300, 16 << 10, 1 << 20
	f := ssetest.New(t, e, core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, RingEvents: 8}}})
	f.Get("/", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Get("/reader", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	flooded(t, f, 0, events, size)
	least := int64(events * size)
	for _, s := range f.Hub.Streams("news") {
		least = min(least, s.Info().SentBytes)
	}
	if least > most {
		t.Errorf("sent to the client that stopped reading: got %d bytes, want %d at most", least, most)
	}
}

// flooded publishes events, and returns a stream that was not read, whose socket
// has this buffer, and one from which all were read.
func flooded(t *testing.T, f *ssetest.Fixture, buffer, events, size int) (stalled, reader *ssetest.Reply) {
	t.Helper()
	stalled = f.NarrowClient(t, buffer, 64<<10).Open(t, "/")
	reader = f.Client(t).Open(t, "/reader")
	for _, r := range []*ssetest.Reply{stalled, reader} {
		r.Prelude(t)
		r.MustBlock(t)
	}
	payload := strings.Repeat("x", size)
	for i := range events {
		f.Publish(t, "news", core.Event{Name: strconv.Itoa(i), Data: payload})
		if ev := reader.Event(t); ev.Name != strconv.Itoa(i) || len(ev.Data) != size {
			t.Fatalf("event of the client that reads: got %q with %d bytes, want %d with %d", ev.Name, len(ev.Data), i, size)
		}
	}
	return stalled, reader
}
