package redisstore_test

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/redisstore"
)

// Two machines of an app, each with a hub on the same Redis: what one publishes,
// the other delivers.
func ExampleOpen() {
	ctx := context.Background()
	url := shared.URL() // such as "rediss://app:password@redis:6379/0"
	var hubs []*core.Hub
	for range 2 {
		store, err := redisstore.Open(ctx, url, redisstore.Config{Prefix: "example"})
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

// A client that the app has: with a MasterName, one of servers with Sentinel, and
// with several addresses, of a cluster.
func ExampleNew() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{shared.Socket()}, ContextTimeoutEnabled: true,
	})
	defer func() { _ = client.Close() }()
	store, err := redisstore.New(context.Background(), client, redisstore.Config{Prefix: "example of a client"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Health(), store.Close())
	// Output: <nil> <nil>
}
