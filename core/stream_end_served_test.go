//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedKick closes streams one by one, by channel and by identity.
func servedKick(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/sport", gate.Subscribe("sport"))
	f.Get("/handler", gate.Handle(waitForEnd))
	f.Start(t)
	open := func(path string) (*core.Stream, *ssetest.Reply) {
		s, r := f.Connect(t, path)
		if !strings.HasPrefix(path, "/handler") {
			r.Position(t)
		}
		return s, r
	}
	wantKicked := func(r *ssetest.Reply, want error) {
		t.Helper()
		if rest := r.Text(t); rest != "" {
			t.Errorf("the rest of the stream: got %q, want nothing", rest)
		}
		if got := f.Closed(t); !errors.Is(got.Reason, core.ErrClosed) || !errors.Is(got.Reason, want) {
			t.Errorf("reason: got %v, want ErrClosed and %v", got.Reason, want)
		}
	}
	_, stays := open("/sport?user=bob")
	s, one := open("/news?user=ann")
	s.CloseWith(errKicked)
	s.CloseWith(errors.New("another reason"))
	wantKicked(one, errKicked)
	s, one = open("/news")
	s.CloseWith(nil)
	wantKicked(one, core.ErrClosed)

	_, one = open("/news?user=bob")
	_, two := open("/news")
	if got := f.Hub.CloseChannel("news", errKicked); got != 2 {
		t.Errorf("streams of a channel: got %d closed, want 2", got)
	}
	wantKicked(one, errKicked)
	wantKicked(two, errKicked)

	_, one = open("/news?user=ann")
	_, two = open("/handler?user=ann")
	for name, want := range map[string]int{"": 0, "nobody": 0, "Ann": 0, "ann": 2} {
		if got := f.Hub.CloseIdentity(name, errKicked); got != want {
			t.Errorf("streams of %q: got %d closed, want %d", name, got, want)
		}
	}
	wantKicked(one, errKicked)
	wantKicked(two, errKicked)
	if got := f.Hub.CloseChannel("news", errKicked) + f.Hub.CloseChannel("none", nil); got != 0 {
		t.Errorf("streams of channels without any: got %d closed, want 0", got)
	}
	f.End(t, "sport")
	if got := stays.Message(t).Data; got != "end" {
		t.Errorf("event of the stream that stays: got %q, want end", got)
	}
	if f.Log.Has("level=ERROR") {
		t.Error("log: got an error, want none")
	}
}

// servedKickEarly closes streams before they have passed the gate. The answer has
// status 200, so that clients reconnect, as they do to streams that were open.
func servedKickEarly(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	arrived, pass := make(chan *core.Stream), make(chan struct{})
	gate := f.Gate(core.GateConfig{Middleware: []core.Middleware{ssetest.Membership, func(h *core.Handshake) error {
		arrived <- h.Stream
		<-pass
		return nil
	}}})
	f.Get("/news", gate.Subscribe("news"))
	f.Get("/handler", gate.Handle(func(*core.Sender) error {
		t.Error("handler: got a call, want none")
		return nil
	}))
	f.Start(t)
	ways := map[string]func(s *core.Stream) int{
		"identity": func(*core.Stream) int { return f.Hub.CloseIdentity("ann", errKicked) },
		"stream":   func(s *core.Stream) int { s.CloseWith(errKicked); return 1 },
	}
	for name, kick := range ways {
		for _, path := range []string{"/news", "/handler"} {
			c, replies := f.Client(t), make(chan *ssetest.Reply, 1)
			go func() {
				r, err := c.Do(http.MethodGet, path+"?user=ann", nil)
				if err != nil {
					t.Errorf("GET %s: %v", path, err)
				}
				replies <- r
			}()
			if got := kick(ssetest.Receive(t, arrived, "stream at the gate")); got != 1 {
				t.Errorf("%s, %s: got %d closed, want 1", name, path, got)
			}
			pass <- struct{}{}
			r := ssetest.Receive(t, replies, "answer")
			if r == nil {
				continue
			}
			r.WantEnd(t)
			r.Cancel()
			if got := r.StatusCode; got != http.StatusOK {
				t.Errorf("%s, %s: got status %d, want 200", name, path, got)
			}
			if got := f.Closed(t); got.Opened || !errors.Is(got.Reason, errKicked) {
				t.Errorf("%s, %s: got opened %t, and ended by %v, want false and %v", name, path, got.Opened, got.Reason, errKicked)
			}
			if got := f.Hub.CloseIdentity("ann", errKicked); got != 0 {
				t.Errorf("%s, %s: got %d left, want none", name, path, got)
			}
		}
	}
}
