package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// member returns the function of a subscription that sends each client the ID of
// its stream. The client names its identity itself; an app takes it from a
// session.
func member(channels ...string) func(h *core.Handshake) (core.Subscription, error) {
	return func(h *core.Handshake) (core.Subscription, error) {
		h.SetIdentity(h.Request().URL.Query().Get("user"))
		return core.Subscription{Channels: channels}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}
}

func ExampleStream_AddChannels() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{}).SubscribeFunc(member("lobby")))
	defer server.Close()
	next, leave := connectTo(server, "/?user=ann")
	defer leave()
	stream := hub.Stream(next().Data)

	if err := stream.AddChannels("table 4"); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if _, err := hub.Publish(ctx, "table 4", core.Event{Data: "your move"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(stream.Channels(), next().Data)
	if err := stream.RemoveChannels("lobby"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(stream.Channels())
	// Output:
	// [lobby table 4] your move
	// [table 4]
}

func ExampleGate_ChangeChannels() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	// The same middleware runs for both requests: a client can change the streams
	// of its own identity only.
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.SetIdentity(h.Request().Header.Get("X-User"))
		return nil
	}}})
	mux := http.NewServeMux()
	mux.Handle("GET /events", gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"lobby"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	mux.Handle("POST /channels", gate.ChangeChannels(func(_ *core.Stream, add []string) error {
		for _, name := range add {
			if !strings.HasPrefix(name, "table ") {
				return core.Refuse(http.StatusForbidden, "Not allowed.")
			}
		}
		return nil
	}))
	server := httptest.NewServer(mux)
	defer server.Close()
	next, leave := connectTo(server, "/events")
	defer leave()

	id := next().Data // what the page receives
	for _, body := range []string{
		`{"stream": %q, "add": ["table 4"], "remove": ["lobby"]}`,
		`{"stream": %q, "add": ["staff"]}`,
	} {
		response, err := http.Post(server.URL+"/channels", "application/json", strings.NewReader(fmt.Sprintf(body, id)))
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		fmt.Println(response.Status, strings.TrimSpace(string(answer)))
	}
	// Output:
	// 200 OK {"channels":["table 4"]}
	// 403 Forbidden Not allowed.
}

// The client names its session with a random text that a page makes when it
// loads.
func ExampleSubscription() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{}).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		q := h.Request().URL.Query()
		h.SetIdentity(q.Get("user"))
		sub := core.Subscription{Channels: []string{"lobby"}, SessionKey: q.Get("page")}
		return sub, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	defer server.Close()
	next, leave := connectTo(server, "/?user=ann&page=5e1f")
	if err := hub.Stream(next().Data).AddChannels("table 4"); err != nil {
		fmt.Println(err)
	}
	leave() // the connection is lost

	next, leave = connectTo(server, "/?user=ann&page=5e1f")
	defer leave()
	fmt.Println(hub.Stream(next().Data).Channels())
	// Output: [lobby table 4]
}

func ExampleHub_Streams() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{}).SubscribeFunc(member("room 1")))
	defer server.Close()
	for _, path := range []string{"/?user=ann", "/?user=bob"} {
		next, leave := connectTo(server, path)
		defer leave()
		next()
	}

	fmt.Println(hub.Count("room 1"), "in the room")
	for _, s := range hub.Streams("room 1") {
		info := s.Info() // its ID is not for other clients
		fmt.Println(info.Identity, info.Channels, "behind by", info.LagEvents)
	}
	for _, c := range hub.Channels() {
		fmt.Println(c.Name, c.Streams)
	}
	// Output:
	// 2 in the room
	// ann [room 1] behind by 0
	// bob [room 1] behind by 0
	// room 1 2
}

func ExampleHub_CloseIdentity() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	errSignedOut := errors.New("signed out")
	ended := make(chan error, 1)
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		h.OnClose(func(sum core.Summary) { ended <- sum.Reason })
		return nil
	}}})
	server := httptest.NewServer(gate.SubscribeFunc(member("news")))
	defer server.Close()
	next, leave := connectTo(server, "/?user=ann")
	defer leave()
	next()

	fmt.Println(hub.CloseIdentity("ann", errSignedOut), "closed")
	reason := <-ended
	fmt.Println(errors.Is(reason, core.ErrClosed), errors.Is(reason, errSignedOut))
	fmt.Println(hub.CloseChannel("news", errSignedOut), "left on the channel")
	// Output:
	// 1 closed
	// true true
	// 0 left on the channel
}

// Clients in a room are told when others join and leave. Each client that
// connects costs an event to all others: bound the streams of a client with
// package middleware.
func ExampleHubConfig() {
	var hub *core.Hub
	tell := func(what string) func(string, *core.Stream) {
		return func(channel string, s *core.Stream) {
			ev := core.Event{Name: what, Data: s.Identity()}
			if _, err := hub.Publish(context.Background(), channel, ev); err != nil && !errors.Is(err, core.ErrHubClosed) {
				fmt.Println(err)
			}
		}
	}
	hub = core.NewHub(core.HubConfig{OnJoin: tell("joins"), OnLeave: tell("leaves")})
	defer func() { _ = hub.Close() }()
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{}).SubscribeFunc(member("room 1")))
	defer server.Close()
	ann, leave := connectTo(server, "/?user=ann")
	defer leave()
	ann() // its stream's ID
	_, leave = connectTo(server, "/?user=bob")

	for range 2 {
		ev := ann()
		fmt.Println(ev.Data, ev.Name)
	}
	leave()
	ev := ann()
	fmt.Println(ev.Data, ev.Name)
	// Output:
	// ann joins
	// bob joins
	// bob leaves
}
