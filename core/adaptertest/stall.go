//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// testStalledSubscriber has a client stop reading. No other client notices, and it
// is disconnected after the write timeout.
func testStalledSubscriber(t *testing.T, e env) {
	const events, size = 80, 256 << 10
	b := newBed(t, e, core.HubConfig{RingBytes: 1 << 30, Store: core.NewMemoryStore(core.Retention{Bytes: 1 << 20})})
	b.get("/", b.gate(core.GateConfig{WriteTimeout: 500 * time.Millisecond}).Subscribe("news"))
	b.start(t)
	stalled, well := b.flooded(t, 4<<10, events, size)
	b.wantWriteTimeout(t)
	b.publish(t, "news", core.Event{Data: "after"})
	well.wantData(t, "after")
	if e.owns() {
		// What was not sent yet was thrown away, rather than kept.
		if _, err := io.Copy(io.Discard, stalled.in); !wraps(err, syscall.ECONNRESET) {
			t.Errorf("the rest of the client that stopped reading: got %v, want a reset", err)
		}
	}
}

// testStalledHandler has a client stop reading from a handler that sends as
// fast as it can.
func testStalledHandler(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	sendErr := make(chan error, 1)
	b.get("/", b.gate(core.GateConfig{WriteTimeout: 500 * time.Millisecond}).Handle(func(s *core.Sender) error {
		ev := core.Event{Data: strings.Repeat("x", 256<<10)}
		for {
			if err := s.Send(ev); err != nil {
				sendErr <- err
				return err
			}
		}
	}))
	b.start(t)
	b.narrowClient(t, 4<<10, 64<<10).open(t, "/")
	if err := receive(t, sendErr, "error of Send"); !wraps(err, core.ErrWriteTimeout) {
		t.Errorf("error of Send: got %v, want ErrWriteTimeout", err)
	}
	b.wantWriteTimeout(t)
	b.empty(t)
}

func (b *bed) wantWriteTimeout(t *testing.T) {
	t.Helper()
	if got := b.closed(t); !wraps(got.Reason, core.ErrWriteTimeout) || !got.Opened || got.Bytes == 0 {
		t.Errorf("summary of the client that stopped reading: got %+v, want ErrWriteTimeout and what was sent", got)
	}
}

// testUnsent has a client stop reading while much is published. The kernel takes
// little of it, so that the channel's policy soon applies.
func testUnsent(t *testing.T, e env) {
	const events, size, most = 300, 16 << 10, 1 << 20
	b := newBed(t, e, core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip, RingEvents: 8}}})
	b.get("/", b.gate(core.GateConfig{}).Subscribe("news"))
	b.start(t)
	b.flooded(t, 0, events, size)
	least := int64(events * size)
	for _, s := range b.hub.Streams("news") {
		least = min(least, s.Info().SentBytes)
	}
	if least > most {
		t.Errorf("sent to the client that stopped reading: got %d bytes, want %d at most", least, most)
	}
}

// flooded opens a stream that is not read, of a socket with this buffer, and one
// that gets all of so many events.
func (b *bed) flooded(t *testing.T, buffer, events, size int) (stalled, well *reply) {
	t.Helper()
	stalled = b.narrowClient(t, buffer, 64<<10).open(t, "/")
	well = b.client(t).open(t, "/")
	for _, r := range []*reply{stalled, well} {
		r.greeted(t)
		r.mustBlock(t)
	}
	payload := strings.Repeat("x", size)
	for i := range events {
		b.publish(t, "news", core.Event{Name: strconv.Itoa(i), Data: payload})
		if ev := well.event(t); ev.Name != strconv.Itoa(i) || len(ev.Data) != size {
			t.Fatalf("event of the client that reads: got %q with %d bytes, want %d with %d", ev.Name, len(ev.Data), i, size)
		}
	}
	return stalled, well
}
