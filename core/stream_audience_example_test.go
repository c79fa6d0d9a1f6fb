package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tidings-go/tidings/core"
)

// connectTo requests a stream from a server, and returns a function that reads its
// next event and one that disconnects.
func connectTo(server *httptest.Server, path string) (next func() core.Event, leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, http.NoBody)
	response, err := server.Client().Do(r) //nolint:bodyclose // leave does it.
	if err != nil {
		cancel()
		return func() core.Event { return core.Event{Data: err.Error()} }, func() {}
	}
	events := core.NewDecoder(response.Body, core.DecoderConfig{})
	return func() core.Event {
			ev, err := events.Next()
			if err != nil {
				ev.Data = "(" + err.Error() + ")"
			}
			return ev
		}, func() {
			cancel()
			_ = response.Body.Close()
		}
}

func ExampleAudience() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	// An app takes the identity from a session.
	gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
		q := h.Request().URL.Query()
		h.SetIdentity(q.Get("user"))
		return h.Join(q["team"]...)
	}}})
	server := httptest.NewServer(gate.Subscribe("acme"))
	defer server.Close()
	ann, leave := connectTo(server, "/?user=ann&team=sales")
	defer leave()
	bob, leave := connectTo(server, "/?user=bob&team=support")
	defer leave()

	ctx := context.Background()
	for _, p := range []core.Publication{
		{To: core.ToGroup("sales"), Event: core.Event{Data: "for sales"}},
		{To: core.ToIdentity("bob"), Event: core.Event{Data: "for Bob, on all his devices"}},
		{Event: core.Event{Data: "for all of Acme"}},
	} {
		if _, err := hub.Publish(ctx, "acme", p.Event, core.Only(p.To)); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("Ann:", ann().Data)
	fmt.Println("Ann:", ann().Data)
	fmt.Println("Bob:", bob().Data)
	fmt.Println("Bob:", bob().Data)
	// Output:
	// Ann: for sales
	// Ann: for all of Acme
	// Bob: for Bob, on all his devices
	// Bob: for all of Acme
}

func ExampleParseAudience() {
	text := core.ToGroup("sales").String()
	audience, err := core.ParseAudience(text)
	fmt.Println(text, audience == core.ToGroup("sales"), err)

	_, err = core.ParseAudience("everybody else")
	fmt.Println(err)
	// Output:
	// group:sales true <nil>
	// tidings: audience: of no known kind
}

func ExampleStream_Join() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	gate := core.NewGate(hub, core.GateConfig{})
	server := httptest.NewServer(gate.SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{"match"}}, h.Send(core.Event{Name: "stream", Data: h.ID()})
	}))
	defer server.Close()
	next, leave := connectTo(server, "/")
	defer leave()
	stream := hub.Stream(next().Data)

	ctx := context.Background()
	say := func(data string) {
		if _, err := hub.Publish(ctx, "match", core.Event{Data: data}, core.Only(core.ToGroup("referees"))); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(stream.Join("referees"), stream.Groups())
	say("are you ready?")
	fmt.Println(next().Data)
	stream.Leave("referees")
	say("thank you all") // the stream is no longer in the group
	if _, err := hub.Publish(ctx, "match", core.Event{Data: "goodbye"}, core.Only(core.ToStream(stream.ID()))); err != nil {
		fmt.Println(err)
	}
	fmt.Println(next().Data)
	// Output:
	// <nil> [referees]
	// are you ready?
	// goodbye
}

func ExampleStream_PrivateChannel() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	answers := make(chan string, 1) // names of private channels
	server := httptest.NewServer(core.NewGate(hub, core.GateConfig{}).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		name := h.PrivateChannel()
		answers <- name
		return core.Subscription{Channels: []string{name, "news"}}, nil
	}))
	defer server.Close()
	next, leave := connectTo(server, "/")
	defer leave()

	ctx := context.Background()
	if _, err := hub.Publish(ctx, <-answers, core.Event{Data: "the report that you asked for"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(next().Data)
	// Output: the report that you asked for
}
