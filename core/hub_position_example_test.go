package core_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidings-go/tidings/core"
)

// A page asks for the state, shows it, and opens its stream with the ID that
// came with it: nothing that is published in between is lost.
func ExampleLoadState() {
	ctx := context.Background()
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	prices := map[string]float64{"IBM": 567.29}

	page, err := core.LoadState(ctx, hub, func(context.Context) (map[string]float64, error) {
		return prices, nil // from a database, say
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := json.Marshal(page.State)
	fmt.Println(string(text))

	_, _ = hub.Publish(ctx, "stocks", core.Event{Data: "IBM 570.00"})
	sub := core.Subscription{Channels: []string{"stocks"}, After: page.LastEventID}
	for d, err := range hub.Subscribe(ctx, sub) {
		fmt.Println(d.Data, err)
		break
	}
	// Output:
	// {"IBM":567.29}
	// IBM 570.00 <nil>
}
