//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testBody(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	f.Post("/", f.Gate(core.GateConfig{MaxBody: 100_000}).Handle(func(s *core.Sender) error {
		body, err := io.ReadAll(s.Request().Body)
		if err != nil {
			return err
		}
		return s.Send(core.Event{Name: strconv.Itoa(len(body)), Data: string(body)})
	}))
	f.Start(t)
	for _, size := range []int{0, 1, 10_000, 100_000} {
		want := strings.Repeat("y", size)
		for _, body := range []io.Reader{
			strings.NewReader(want),
			io.LimitReader(strings.NewReader(want), int64(size)), // sent in chunks
		} {
			r := f.Client(t).Send(t, http.MethodPost, "/", body)
			if ev := r.Event(t); ev.Data != want || ev.Name != strconv.Itoa(size) {
				t.Errorf("body of %d bytes: got %s, %q", size, ev.Name, ev.Data)
			}
			r.WantEnd(t)
			f.Closed(t)
		}
	}
	for _, size := range []int{100_001, 300_000} {
		r := f.Client(t).Send(t, http.MethodPost, "/", strings.NewReader(strings.Repeat("y", size)))
		if r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("body of %d bytes: got %s, want 413", size, r.Status)
		}
		if got := f.Closed(t); got.Opened {
			t.Errorf("body of %d bytes, summary: got %+v, want one that says it was refused", size, got)
		}
	}
}

// describe returns all that a handler can read from its request.
func describe(r *http.Request) string {
	cookie, _ := r.Cookie("session")
	return fmt.Sprintf("%s %s %s %s %s query=%q host=%s header=%q cookie=%s id=%s/%s own-host=%q",
		r.Method, r.Proto, r.URL.Path, r.URL.RawQuery, r.RequestURI, r.URL.Query()["q"], r.Host,
		r.Header.Values("X-Multi"), cookie, r.PathValue("id"), r.PathValue("part"), r.Header.Get("Host"))
}

// testRequest reads a request in its handler, at once and after many others were
// served: it stays as it is.
func testRequest(t *testing.T, e ssetest.Env) {
	const others = 1000
	f := ssetest.New(t, e, core.HubConfig{})
	again := make(chan struct{})
	gate := f.Gate(core.GateConfig{})
	f.Get("/things/{id}/{part}", gate.Handle(func(s *core.Sender) error {
		r := s.Request()
		remote, channels, last := s.RemoteAddr(), s.Channels(), s.LastEventID()
		first := describe(r)
		if err := s.Send(core.Event{Name: remote, Data: first}); err != nil {
			return err
		}
		select {
		case <-again:
		case <-s.Done():
			return s.Err()
		}
		same := remote == s.RemoteAddr() && len(channels) == 0 && last == s.LastEventID() && first == describe(r)
		return s.Send(core.Event{Name: strconv.FormatBool(same), Data: describe(r)})
	}))
	f.Get("/other/{id}", f.Gate(core.GateConfig{}).OneShot(func(s *core.Handshake) (core.Event, error) {
		return core.Event{}, core.Refuse(http.StatusForbidden, s.Request().PathValue("id"))
	}))
	f.Start(t)

	c := f.Client(t)
	const query = "q=one&q=t%20wo&token=secret"
	r := c.Open(t, "/things/a%20b-17/wheel?"+query, "X-Multi", "first", "X-Multi", "second",
		"Cookie", "session=abc", "Last-Event-ID", "seen")
	proto := map[bool]string{true: "HTTP/1.1", false: "HTTP/2.0"}[e.Transport.HTTP1()]
	want := fmt.Sprintf("GET %s /things/a b-17/wheel %s /things/a%%20b-17/wheel?%s query=%q host=%s header=%q cookie=%s id=%s own-host=%q",
		proto, query, query, []string{"one", "t wo"}, f.Addr, []string{"first", "second"}, "session=abc", "a b-17/wheel", "")
	ev := r.Event(t)
	if ev.Data != want {
		t.Errorf("request: got\n%s, want\n%s", ev.Data, want)
	}
	host, _, err := net.SplitHostPort(ev.Name)
	if err != nil || host != "127.0.0.1" {
		t.Errorf("remote address: got %q, want one of 127.0.0.1", ev.Name)
	}
	for i := range others {
		id := "other" + strconv.Itoa(i) + strings.Repeat("z", i%40)
		got := c.Get(t, "/other/"+id+"?q=x&q="+id+"&token="+id, "X-Multi", id, "X-Multi", id,
			"Cookie", "session="+id, "Last-Event-ID", id)
		if text := got.Text(t); text != id+"\n" {
			t.Fatalf("path value of request %d: got %q, want %q", i, text, id)
		}
		got.Cancel()
	}
	close(again)
	if got := r.Event(t); got.Data != want || got.Name != "true" {
		t.Errorf("request after %d others: got same %s and\n%s, want\n%s", others, got.Name, got.Data, want)
	}
}
