package core_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
)

// sessionGate is a gate whose subscriptions have session keys.
type sessionGate struct {
	hub      *core.Hub
	endpoint *core.Endpoint
	stream   *core.Stream // that was opened last

	user, remote string // of those to be opened; the remote address has a default
}

func newSessionGate(t *testing.T, cfg core.HubConfig) *sessionGate {
	t.Helper()
	r := &sessionGate{hub: openHub(t, cfg), user: "ann"}
	gate := core.NewGate(r.hub, core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity(h.Request().URL.Query().Get("user"))
		return nil
	}}})
	r.endpoint = gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		r.stream = h.Stream
		return core.Subscription{Channels: []string{"a"}, SessionKey: h.Request().URL.Query().Get("name")}, nil
	})
	return r
}

// open opens a stream with a session key.
func (r *sessionGate) open(t *testing.T, name string) (*core.Stream, *memClient) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/?user="+r.user+"&name="+name, http.NoBody)
	if r.remote != "" {
		req.RemoteAddr = r.remote
	}
	c := connectAs(t, r.endpoint, req, cancel, newMemConn())
	synctest.Wait()
	return r.stream, c
}

// wantChannels opens a stream, checks its channels and closes it.
func (r *sessionGate) wantChannels(t *testing.T, when, name string, want ...string) {
	t.Helper()
	s, c := r.open(t, name)
	if got := s.Channels(); !slices.Equal(got, want) {
		t.Errorf("%s: got channels %q, want %q", when, got, want)
	}
	c.hangUp()
	<-c.done
}

// changeOnce opens a stream, changes its channels, and ends it.
func (r *sessionGate) changeOnce(t *testing.T, name string, add, remove []string) {
	t.Helper()
	s, c := r.open(t, name)
	change(t, s, add, remove)
	c.hangUp()
	<-c.done
}

func TestSessionTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{SessionTTL: time.Minute})
		r.changeOnce(t, "x", []string{"b"}, nil)
		time.Sleep(59 * time.Second)
		r.wantChannels(t, "within the time", "x", "a", "b")
		time.Sleep(59 * time.Second)
		r.wantChannels(t, "within the time since one changed nothing", "x", "a", "b")
		time.Sleep(time.Minute)
		r.wantChannels(t, "after it", "x", "a")

		// While a stream is open, the time does not run.
		s, c := r.open(t, "x")
		change(t, s, []string{"c"}, []string{"a"})
		time.Sleep(time.Hour)
		r.wantChannels(t, "while it is open", "x", "c")
		time.Sleep(time.Hour)
		r.wantChannels(t, "while it is still open", "x", "c")
		c.hangUp()
		<-c.done
		time.Sleep(59 * time.Second)
		r.wantChannels(t, "since its end", "x", "c")
	})
}

func TestSessionTTLDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{})
		r.changeOnce(t, "x", []string{"b"}, []string{"a"})
		r.changeOnce(t, "", []string{"c"}, nil)
		r.wantChannels(t, "no name", "", "a")
		time.Sleep(5*time.Minute - time.Second)
		r.wantChannels(t, "within five minutes", "x", "b")
		time.Sleep(5 * time.Minute)
		r.wantChannels(t, "after five minutes", "x", "a")
	})
}

// Over the bound, the session that ended first is evicted, and none with an
// open stream.
func TestMaxSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{MaxSessions: 3})
		open, c := r.open(t, "open")
		change(t, open, []string{"b"}, nil)
		for i := range 20 {
			time.Sleep(time.Second)
			r.changeOnce(t, strconv.Itoa(i), []string{"b"}, nil)
		}
		r.wantChannels(t, "the last", "19", "a", "b")
		r.wantChannels(t, "the last but one", "18", "a", "b")
		r.wantChannels(t, "the one before", "17", "a")
		// With all of them open, there is no room for another.
		more, stay := r.open(t, "19")
		_, stay2 := r.open(t, "18")
		r.changeOnce(t, "another", []string{"b"}, nil)
		r.wantChannels(t, "one too many", "another", "a")
		change(t, more, []string{"c"}, nil)
		for _, c := range []*memClient{c, stay, stay2} {
			c.hangUp()
			<-c.done
		}
		r.wantChannels(t, "one that was open", "open", "a", "b")
		r.wantChannels(t, "one that changed again", "19", "a", "b", "c")
	})
}

// A stream whose identity changes does not keep its session.
func TestSessionIdentityChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newSessionGate(t, core.HubConfig{})
		s, c := r.open(t, "x")
		change(t, s, []string{"b"}, nil)
		s.SetIdentity("bob")
		change(t, s, []string{"c"}, nil)
		c.hangUp()
		<-c.done
		r.wantChannels(t, "ann", "x", "a", "b")
	})
}
