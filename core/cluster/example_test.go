package cluster_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/cluster"
)

// On the machines of an app, the store is one that they share. Here are two hubs
// of one process.
func Example() {
	ctx := context.Background()
	store := core.NewMemoryStore(core.Retention{})
	hub, other := core.NewHub(core.HubConfig{Store: store}), core.NewHub(core.HubConfig{Store: store})
	defer func() { _, _ = hub.Close(), other.Close() }()

	node, err := cluster.Join(ctx, hub, store, cluster.Config{Name: "one"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = node.Close() }()
	second, err := cluster.Join(ctx, other, store, cluster.Config{Name: "two"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = second.Close() }()

	first, _ := node.Spend(ctx, "a ticket", time.Now())
	again, _ := second.Spend(ctx, "a ticket", time.Now())
	fmt.Println(first, again)
	fmt.Println(node.Revoke(ctx, "mallory", time.Now().Add(time.Hour)))
	// Output:
	// true false
	// <nil>
}
