//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedPresence lists streams and channels, and reads what is known of a stream.
func servedPresence(t *testing.T, e ssetest.Env) {
	began := time.Now()
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/both", gate.Subscribe("sport", "news"))
	f.Get("/handler", gate.Handle(waitForEnd))
	f.Start(t)
	one, r := f.Connect(t, "/news?user=ann&group=red&group=blue")
	r.Position(t)
	two, both := f.Connect(t, "/both")
	_, gone := f.Connect(t, "/news")
	three, _ := f.Connect(t, "/handler?user=ann")
	if err := three.AddChannels("news"); !errors.Is(err, core.ErrNotSubscribed) {
		t.Errorf("AddChannels to a handler's stream: got %v, want ErrNotSubscribed", err)
	}
	gone.Cancel()
	f.Closed(t)
	id := f.Publish(t, "news", core.Event{Data: "hello"})[0]
	r.WantBlock(t, "data: hello\nid: "+id+"\n\n")
	both.WantData(t, "hello")

	if got := fmt.Sprint(streamIDs(f.Hub.Streams("news")), streamIDs(f.Hub.Streams("sport")), streamIDs(f.Hub.Streams("none")), streamIDs(f.Hub.AllStreams())); got !=
		fmt.Sprint(streamIDs([]*core.Stream{one, two}), streamIDs([]*core.Stream{two}), []string{}, streamIDs([]*core.Stream{one, two, three})) {
		t.Errorf("streams: got %s, want %s and %s on news, that on sport, and %s", got, one.ID(), two.ID(), three.ID())
	}
	for channel, want := range map[string]int{"news": 2, "sport": 1, "none": 0, "": 0} {
		if got := f.Hub.Count(channel); got != want {
			t.Errorf("streams on %q: got %d, want %d", channel, got, want)
		}
	}
	var channels []string
	for _, c := range f.Hub.Channels() {
		channels = append(channels, fmt.Sprint(c.Name, " ", c.Streams, " ", c.Events, " ", c.Bytes > 0))
	}
	if want := []string{"news 2 1 true", "sport 1 0 false"}; !slices.Equal(channels, want) {
		t.Errorf("channels: got %q, want %q", channels, want)
	}
	for _, id := range []string{"", "x", strings.ToUpper(one.ID()), one.ID() + "0", strings.Repeat("0", 32)} {
		if got := f.Hub.Stream(id); got != nil && id != one.ID() {
			t.Errorf("stream %q: got one, want nil", id)
		}
	}
	if got := f.Hub.Stream(one.ID()); got != one {
		t.Errorf("stream by its ID: got %v, want it", got)
	}

	one.SetValue(valueKey{}, "blue")
	ssetest.Eventually(t, "events sent", 1, func() int { return int(one.Info().SentEvents) })
	info := one.Info()
	if one.Value(valueKey{}) != "blue" || info.ID != one.ID() || info.Identity != "ann" || info.Position != id ||
		!strings.HasPrefix(info.RemoteAddr, "127.0.0.1:") || info.Since.Before(began) || info.Since.After(time.Now()) ||
		info.LagEvents != 0 || info.LagBytes != 0 || info.SentEvents != 1 || info.SentBytes < int64(len("data: hello\n")) ||
		info.Owned != e.Owned() ||
		!slices.Equal(info.Channels, []string{"news"}) || !slices.Equal(info.Groups, []string{"blue", "red"}) {
		t.Errorf("info: got %+v, want that of a stream of ann with one event, ID %s", info, id)
	}
	if info := three.Info(); info.Position != "" || len(info.Channels) != 0 || info.Owned {
		t.Errorf("info of a handler's stream: got %+v, want no channels", info)
	}
}

// streamIDs returns the IDs of streams.
func streamIDs(streams []*core.Stream) []string {
	all := make([]string, len(streams))
	for i, s := range streams {
		all[i] = s.ID()
	}
	return all
}

// servedLag reads the lag of a client that stops reading.
func servedLag(t *testing.T, e ssetest.Env) {
	const size = 256 << 10
	f := ssetest.New(t, e, core.HubConfig{RingBytes: 1 << 30, Store: core.NewMemoryStore(core.Retention{Bytes: 1 << 20})})
	f.Get("/", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Start(t)
	stalled := f.NarrowClient(t, 64<<10, 64<<10).Open(t, "/")
	stalled.Prelude(t)
	s := ssetest.Receive(t, f.Opened, "stream")
	payload := strings.Repeat("x", size)
	n := 0
	for ; n < 200 && s.Info().LagBytes < 4*size; n++ {
		f.Publish(t, "news", core.Event{Data: payload})
	}
	info := s.Info()
	if info.LagEvents < 2 || info.LagEvents > n || info.LagBytes < info.LagEvents*size || info.LagBytes > info.LagEvents*(size+200) {
		t.Errorf("lag after %d events: got %d events, %d bytes, want some events of %d bytes", n, info.LagEvents, info.LagBytes, size)
	}
	for range n {
		stalled.WantData(t, payload)
	}
	ssetest.Eventually(t, "lag when it has read all", 0, func() int { return s.Info().LagEvents })
	ssetest.Eventually(t, "events sent", n, func() int { return int(s.Info().SentEvents) })
}
