package natsstore_test

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/natsstore"
)

// Two machines of an app, each with a hub on the same stream: what one publishes,
// the other delivers.
func ExampleOpen() {
	ctx := context.Background()
	url := shared.URL() // such as "nats://nats-1,nats-2,nats-3"
	var hubs []*core.Hub
	for range 2 {
		store, err := natsstore.Open(ctx, url, natsstore.Config{Stream: "EXAMPLE", Prefix: "example"})
		if err != nil {
			fmt.Println(err)
			return
		}
		hub := core.NewHub(core.HubConfig{Store: store})
		defer func() { _ = hub.Close() }()
		hubs = append(hubs, hub)
	}
	if _, err := hubs[0].Publish(ctx, "news", core.Event{Data: "hello"}); err != nil {
		fmt.Println(err)
		return
	}
	for d := range hubs[1].Subscribe(ctx, core.Subscription{Channels: []string{"news"}, Start: core.Earliest()}) {
		fmt.Println(d.Data)
		break
	}
	// Output: hello
}

// A store on the connection that the app has, whose options are the app's own.
func ExampleNew() {
	ctx := context.Background()
	conn, err := nats.Connect(shared.URL(), nats.MaxReconnects(-1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	store, err := natsstore.New(ctx, conn, natsstore.Config{Stream: "EXAMPLE-2", Prefix: "example-2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	hub := core.NewHub(core.HubConfig{Store: store})
	fmt.Println(hub.Health(), hub.Close())
	// Output: <nil> <nil>
}

// The streams are created at deployment, for three servers of a cluster, under a
// user that may; the app's own may not.
func ExampleCreate() {
	ctx := context.Background()
	admin, app := shared.URL(), shared.URL()                                       // such as "nats://admin:…@nats-1" and "nats://app:…@nats-1"
	cfg := natsstore.Config{Stream: "EXAMPLE-3", Prefix: "example-3", Replicas: 1} // 3, in a cluster
	if err := natsstore.Create(ctx, admin, cfg); err != nil {
		fmt.Println(err)
		return
	}
	cfg.NoCreate = true
	store, err := natsstore.Open(ctx, app, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Close())
	// Output: <nil>
}
