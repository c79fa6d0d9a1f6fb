package core_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidings-go/tidings/core"
)

func ExampleHub() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	for _, data := range []string{"one", "two", "three"} {
		if _, err := hub.Publish(ctx, "news", core.Event{Data: data}); err != nil {
			fmt.Println(err)
			return
		}
	}
	for d, err := range hub.Subscribe(ctx, core.Subscription{Channels: []string{"news"}, Start: core.Last(2)}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Channel, d.Data)
		if d.Data == "three" {
			break
		}
	}
	// Output:
	// news two
	// news three
}

func ExampleHub_Publish() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	// The events keep the app's own IDs, and a client can resume after each.
	ctx := context.Background()
	for row := range 4 {
		ev := core.Event{ID: fmt.Sprintf("row %d", row), Data: fmt.Sprintf("order %d", 100+row)}
		id, err := hub.Publish(ctx, "orders", ev)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("published", id)
	}
	found, err := hub.History(ctx, core.Subscription{Channels: []string{"orders"}, After: "row 1"}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range found {
		fmt.Println(d.ID, d.Data)
	}
	// Output:
	// published row 0
	// published row 1
	// published row 2
	// published row 3
	// row 2 order 102
	// row 3 order 103
}

func ExampleNewTopic() {
	type quote struct {
		Stock string  `json:"stock"`
		Value float64 `json:"value"`
	}
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	quotes := core.NewTopic[quote](hub, "stocks", "stockupdate").
		Keyed(func(q quote) string { return q.Stock })

	ctx := context.Background()
	for _, q := range []quote{{"IBM", 567.29}, {"T", 36.25}, {"IBM", 568.01}} {
		if _, err := quotes.Publish(ctx, q); err != nil {
			fmt.Println(err)
			return
		}
	}
	for q, err := range quotes.Subscribe(ctx, core.Subscription{Start: core.Snapshot()}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(q.Stock, q.Value)
		if q.Stock == "IBM" {
			break
		}
	}
	// Output:
	// T 36.25
	// IBM 568.01
}

func ExampleNewMemoryStore() {
	// The newest three events of each channel are kept.
	store := core.NewMemoryStore(core.Retention{Events: 3})
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	var first string
	for i := range 5 {
		id, err := hub.Publish(ctx, "news", core.Event{Data: fmt.Sprint("number ", i+1)})
		if err != nil {
			fmt.Println(err)
			return
		}
		if i == 0 {
			first = id
		}
	}
	found, err := hub.History(ctx, core.Subscription{Channels: []string{"news"}, Start: core.Earliest()}, 10)
	for _, d := range found {
		fmt.Println(d.Data)
	}
	fmt.Println(err)

	_, err = hub.History(ctx, core.Subscription{Channels: []string{"news"}, After: first}, 10)
	if gap := (*core.GapError)(nil); errors.As(err, &gap) {
		fmt.Println("gap:", gap.Reason)
	}
	// Output:
	// number 3
	// number 4
	// number 5
	// <nil>
	// gap: trimmed
}
