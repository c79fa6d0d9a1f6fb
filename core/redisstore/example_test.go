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

// A client that the app has, here of a Redis with Sentinel: an event is
// acknowledged when a replica has it, too.
func ExampleNew() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		MasterName: "main", Addrs: []string{"sentinel-1:26379", "sentinel-2:26379", "sentinel-3:26379"},
		ContextTimeoutEnabled: true,
	})
	store, err := redisstore.New(context.Background(), client, redisstore.Config{Replicas: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()
}
