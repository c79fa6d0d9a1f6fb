package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// The bounds of a hub for a small machine.
func Example_memory() {
	hub := core.NewHub(core.HubConfig{
		Store:          core.NewMemoryStore(core.Retention{Bytes: 1 << 20, TotalBytes: 64 << 20}),
		RingBytes:      256 << 10,
		TotalRingBytes: 32 << 20,
		MaxChannels:    1,
		MaxEvent:       16 << 10,
	})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	_, err := hub.Publish(ctx, "news", core.Event{Data: strings.Repeat("x", 16<<10)})
	fmt.Println("too large:", errors.Is(err, core.ErrTooLarge))
	if _, err := hub.Publish(ctx, "news", core.Event{Data: "one"}); err != nil {
		fmt.Println(err)
		return
	}
	for range hub.Subscribe(ctx, core.Subscription{Channels: []string{"news"}, Start: core.Last(1)}) {
		// The only channel has a subscriber now.
		for _, err := range hub.Subscribe(ctx, core.Subscription{Channels: []string{"sports"}}) {
			fmt.Println("too many channels:", errors.Is(err, core.ErrTooManyChannels))
		}
		break
	}
	// Output:
	// too large: true
	// too many channels: true
}

// Over HTTP/2, a subscription is a response. ConnContext makes its connection
// known to the gate.
func ExampleConnContext() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	server := httptest.NewUnstartedServer(core.Subscribe(hub, "news"))
	server.Config.ConnContext = core.ConnContext
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	next, leave := connectTo(server, "/")
	defer leave()

	if _, err := hub.Publish(context.Background(), "news", core.Event{Data: "hello"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(next().Data)
	for _, s := range hub.Streams("news") {
		fmt.Println("taken over:", s.Info().Owned)
	}
	// Output:
	// hello
	// taken over: false
}

func ExampleHub_Drain() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	news := core.Subscribe(hub, "news")
	server := httptest.NewServer(news)
	defer server.Close()
	next, leave := connectTo(server, "/")
	defer leave()

	// With a deadline, the streams are closed over the time that it leaves.
	fmt.Println(hub.Drain(context.Background()))
	fmt.Println(next().Data)
	show(news, "")
	// Output:
	// <nil>
	// (EOF)
	// 503 Service Unavailable
	// The server is shutting down. Try again soon.
}
