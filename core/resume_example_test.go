package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"

	"github.com/tidings-go/tidings/core"
)

// A client resumes after the last ID that it received. If the hub cannot tell
// what follows an ID, it says so with a reset.
func Example_resume() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	server := httptest.NewServer(core.Subscribe(hub, "news"))
	defer server.Close()
	publish := func(data string) {
		if _, err := hub.Publish(context.Background(), "news", core.Event{Data: data}); err != nil {
			fmt.Println(err)
		}
	}

	next, leave := connectTo(server, "/")
	publish("one")
	last := next()
	fmt.Println(last.Data)
	leave() // the connection is lost
	publish("two")
	publish("three")

	// A browser sends the ID in the header field Last-Event-ID.
	next, leave = connectTo(server, "/?lastEventId="+last.ID)
	fmt.Println(next().Data)
	fmt.Println(next().Data)
	leave()

	next, leave = connectTo(server, "/?lastEventId=unheard-of")
	defer leave()
	reset := next()
	var gap struct {
		Reason core.GapReason `json:"reason"`
	}
	err := json.Unmarshal([]byte(reset.Data), &gap)
	fmt.Println(reset.Name, gap.Reason, err)
	publish("four")
	fmt.Println(next().Data)
	// Output:
	// one
	// two
	// three
	// reset unknown <nil>
	// four
}

func ExampleStart() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	ctx := context.Background()
	for _, q := range []core.Event{
		{Key: "IBM", Data: "IBM 567.29"},
		{Key: "T", Data: "T 36.25"},
		{Key: "IBM", Data: "IBM 568.01"},
	} {
		if _, err := hub.Publish(ctx, "stocks", q); err != nil {
			fmt.Println(err)
			return
		}
	}
	show := func(name string, start core.Start) {
		found, err := hub.History(ctx, core.Subscription{Channels: []string{"stocks"}, Start: start}, 10)
		fmt.Print(name, ":")
		for _, d := range found {
			fmt.Printf(" [%s]", d.Data)
		}
		fmt.Println("", err)
	}
	show("live", core.Live())
	show("last", core.Last(1))
	show("snapshot", core.Snapshot())
	show("earliest", core.Earliest())
	// Output:
	// live: <nil>
	// last: [IBM 568.01] <nil>
	// snapshot: [T 36.25] [IBM 568.01] <nil>
	// earliest: [IBM 567.29] [T 36.25] [IBM 568.01] <nil>
}

// The filter applies to history as well as to live events.
func ExampleHandshake_SetFilter() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	gate := core.NewGate(hub, core.GateConfig{Start: core.Earliest(), Middleware: []core.Middleware{func(h *core.Handshake) error {
		staff := h.Request().URL.Query().Get("user") == "ann" // an app asks its session
		h.SetFilter(func(d core.Delivery) bool { return staff || d.Name != "debug" })
		return nil
	}}})
	server := httptest.NewServer(gate.Subscribe("log"))
	defer server.Close()
	for _, ev := range []core.Event{{Name: "debug", Data: "cache is cold"}, {Data: "started"}} {
		if _, err := hub.Publish(context.Background(), "log", ev); err != nil {
			fmt.Println(err)
			return
		}
	}

	for _, user := range []string{"ann", "bob"} {
		next, leave := connectTo(server, "/?user="+user)
		fmt.Println(user, "receives", next().Data)
		leave()
	}
	// Output:
	// ann receives cache is cold
	// bob receives started
}
