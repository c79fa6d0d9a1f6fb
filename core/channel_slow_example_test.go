package core_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tidings-go/tidings/core"
)

func ExampleChannelConfig() {
	hub := core.NewHub(core.HubConfig{Channels: []core.ChannelConfig{
		{Pattern: "prices/*", Slow: core.Conflate},
		{Pattern: "log/*", Slow: core.Skip, RingEvents: 2},
	}})
	defer func() { _ = hub.Close() }()

	// The subscriber is busy while events are published. The rings keep the events
	// that wait for it.
	ctx := context.Background()
	sub := core.Subscription{Channels: []string{"log/a", "prices/nyse"}}
	first := true
	publish := func(channel string, events ...core.Event) {
		for _, ev := range events {
			if _, err := hub.Publish(ctx, channel, ev); err != nil {
				fmt.Println(err)
			}
		}
	}
	publish("prices/nyse", core.Event{Key: "T", Data: "T 36.20"})
	sub.Start = core.Last(1)
	for d, err := range hub.Subscribe(ctx, sub) {
		if gap := (*core.GapError)(nil); errors.As(err, &gap) {
			fmt.Println(gap.Reason, "on", gap.Channel)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Data)
		if first {
			first = false
			publish("log/a", core.Event{Data: "one"}, core.Event{Data: "two"}, core.Event{Data: "three"})
			publish("prices/nyse", core.Event{Key: "IBM", Data: "IBM 567.29"}, core.Event{Key: "T", Data: "T 36.25"},
				core.Event{Key: "IBM", Data: "IBM 568.01"}, core.Event{Key: "IBM", Data: "IBM 568.02"})
		}
		if d.Data == "IBM 568.02" {
			break
		}
	}
	// Output:
	// T 36.20
	// skipped on log/a
	// T 36.25
	// IBM 568.02
}

func ExampleHub_PublishBatch() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	move := func(from, to string, amount int) ([]string, error) {
		return hub.PublishBatch(ctx,
			core.Publication{Channel: from, Event: core.Event{Data: fmt.Sprintf("%+d", -amount)}},
			core.Publication{Channel: to, Event: core.Event{Data: fmt.Sprintf("%+d", amount)}},
		)
	}
	ids, err := move("account 1", "account 2", 100)
	fmt.Println(len(ids), err)

	// All or none.
	_, err = move("account 1", "", 100)
	fmt.Println(errors.Is(err, core.ErrChannelName))

	found, err := hub.History(ctx, core.Subscription{Channels: []string{"account 1", "account 2"}, Start: core.Earliest()}, 10)
	for _, d := range found {
		fmt.Println(d.Channel, d.Data)
	}
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// true
	// account 1 -100
	// account 2 +100
	// <nil>
}

func ExampleOnce() {
	hub := core.NewHub(core.HubConfig{Store: core.NewMemoryStore(core.Retention{OnceWindow: time.Hour})})
	defer func() { _ = hub.Close() }()

	// The caller does not know whether the first call succeeded, and tries again
	// with the same key.
	ctx := context.Background()
	order := core.Event{ID: "order 17", Data: "3 apples"}
	for range 3 {
		id, err := hub.Publish(ctx, "orders", order, core.Once("request 5d1f"))
		fmt.Println(id, err)
	}
	found, err := hub.History(ctx, core.Subscription{Channels: []string{"orders"}, Start: core.Earliest()}, 10)
	fmt.Println(len(found), err)
	// Output:
	// order 17 <nil>
	// order 17 <nil>
	// order 17 <nil>
	// 1 <nil>
}

func ExampleOnly() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	// Ann's streams on the channel get both events, all other streams the first.
	ctx := context.Background()
	for _, to := range []core.Audience{{}, core.ToIdentity("ann")} {
		if _, err := hub.Publish(ctx, "news", core.Event{Data: "hello"}, core.Only(to)); err != nil {
			fmt.Println(err)
			return
		}
	}
	// The program itself gets all events, with their audiences.
	found, err := hub.History(ctx, core.Subscription{Channels: []string{"news"}, Start: core.Earliest()}, 10)
	for _, d := range found {
		fmt.Printf("%s to %q\n", d.Data, d.To)
	}
	fmt.Println(err)
	// Output:
	// hello to ""
	// hello to "identity:ann"
	// <nil>
}

func ExampleHub_Forget() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	var ids []string
	for _, data := range []string{"one", "two"} {
		id, err := hub.Publish(ctx, "room 1", core.Event{Data: data})
		if err != nil {
			fmt.Println(err)
			return
		}
		ids = append(ids, id)
	}
	if err := hub.Forget(ctx, "room 1"); err != nil {
		fmt.Println(err)
		return
	}
	// A client that has not received all events finds a gap; one that has does not.
	for _, id := range ids {
		_, err := hub.History(ctx, core.Subscription{Channels: []string{"room 1"}, After: id}, 10)
		gap := (*core.GapError)(nil)
		fmt.Println(errors.As(err, &gap))
	}
	// Output:
	// true
	// false
}

func ExampleRetention() {
	store := core.NewMemoryStore(core.Retention{
		Events: 1000,
		Channels: []core.ChannelRetention{
			{Pattern: "prices/*", Events: 2},
			{Pattern: "chat/*", Events: -1, Age: 24 * time.Hour},
		},
		TotalBytes: 64 << 20,
	})
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()

	ctx := context.Background()
	for i := range 5 {
		for _, channel := range []string{"prices/nyse", "chat/1"} {
			if _, err := hub.Publish(ctx, channel, core.Event{Data: strconv.Itoa(i)}); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	for _, channel := range []string{"prices/nyse", "chat/1"} {
		found, err := hub.History(ctx, core.Subscription{Channels: []string{channel}, Start: core.Earliest()}, 10)
		fmt.Println(channel, len(found), err)
	}
	// Output:
	// prices/nyse 2 <nil>
	// chat/1 5 <nil>
}
