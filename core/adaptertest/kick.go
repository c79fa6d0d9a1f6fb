//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

var errKicked = errors.New("kicked out")

// testKick ends streams one by one, by channel and by identity.
func testKick(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	m := newMembers(b)
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{m.middleware, belong}})
	b.get("/news", gate.Subscribe("news"))
	b.get("/sport", gate.Subscribe("sport"))
	b.get("/handler", gate.Handle(wait))
	b.start(t)
	open := func(path string) (*core.Stream, *reply) {
		s, r := m.member(t, path)
		if !strings.HasPrefix(path, "/handler") {
			r.position(t)
		}
		return s, r
	}
	wantKicked := func(r *reply, want error) {
		t.Helper()
		if s, err := r.block(); s != "" || err == nil {
			t.Errorf("end of the stream: got %q, want nothing more", s)
		}
		if got := b.closed(t); !wraps(got.Reason, core.ErrClosed) || !wraps(got.Reason, want) {
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
	if got := b.hub.CloseChannel("news", errKicked); got != 2 {
		t.Errorf("streams of a channel: got %d closed, want 2", got)
	}
	wantKicked(one, errKicked)
	wantKicked(two, errKicked)
	b.hub.Stream("") // nobody's

	_, one = open("/news?user=ann")
	_, two = open("/handler?user=ann")
	for name, want := range map[string]int{"": 0, "nobody": 0, "Ann": 0, "ann": 2} {
		if got := b.hub.CloseIdentity(name, errKicked); got != want {
			t.Errorf("streams of %q: got %d closed, want %d", name, got, want)
		}
	}
	wantKicked(one, errKicked)
	wantKicked(two, errKicked)
	if got := b.hub.CloseChannel("news", errKicked) + b.hub.CloseChannel("none", nil); got != 0 {
		t.Errorf("streams of channels that nobody is on: got %d closed, want 0", got)
	}
	b.end(t, "sport")
	if got := stays.said(t).data; got != "end" {
		t.Errorf("event of the stream that stays: got %q, want end", got)
	}
	if b.log.has("level=ERROR") {
		t.Error("log: got an error, want none")
	}
}

// testKickEarly closes streams that are at the gate still. Their clients come
// back, like those of others that are closed.
func testKickEarly(t *testing.T, e env) {
	b := newBed(t, e, core.HubConfig{})
	arrived, pass := make(chan *core.Stream), make(chan struct{})
	gate := b.gate(core.GateConfig{Middleware: []core.Middleware{belong, func(s *core.Handshake) error {
		arrived <- s.Stream
		<-pass
		return nil
	}}})
	b.get("/news", gate.Subscribe("news"))
	b.get("/handler", gate.Handle(func(*core.Sender) error {
		t.Error("handler: got a call, want none")
		return nil
	}))
	b.start(t)
	ways := map[string]func(s *core.Stream) int{
		"identity": func(*core.Stream) int { return b.hub.CloseIdentity("ann", errKicked) },
		"stream":   func(s *core.Stream) int { s.CloseWith(errKicked); return 1 },
	}
	for name, kick := range ways {
		for _, path := range []string{"/news", "/handler"} {
			c, replies := b.client(t), make(chan *reply, 1)
			go func() {
				r, err := c.do(http.MethodGet, path+"?user=ann", nil)
				if err != nil {
					t.Errorf("GET %s: %v", path, err)
				}
				replies <- r
			}()
			if got := kick(receive(t, arrived, "stream at the gate")); got != 1 {
				t.Errorf("%s, %s: got %d closed, want 1", name, path, got)
			}
			pass <- struct{}{}
			r := receive(t, replies, "answer")
			if r == nil {
				continue
			}
			r.wantEnd(t)
			r.close()
			if got := r.StatusCode; got != http.StatusOK {
				t.Errorf("%s, %s: got status %d, want 200", name, path, got)
			}
			if got := b.closed(t); got.Opened || !wraps(got.Reason, errKicked) {
				t.Errorf("%s, %s: got opened %t, and ended by %v, want false and %v", name, path, got.Opened, got.Reason, errKicked)
			}
			if got := b.hub.CloseIdentity("ann", errKicked); got != 0 {
				t.Errorf("%s, %s: got %d left, want none", name, path, got)
			}
		}
	}
}
