package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

func ExampleOpen() {
	folder, err := os.MkdirTemp("", "tidings")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "history.db")

	ctx := context.Background()
	publish := func(data ...string) (ids []string, err error) {
		store, err := boltstore.Open(path, boltstore.Config{})
		if err != nil {
			return nil, err
		}
		hub := core.NewHub(core.HubConfig{Store: store})
		for _, d := range data {
			id, err := hub.Publish(ctx, "news", core.Event{Data: d})
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		return ids, hub.Close()
	}
	before, err := publish("one", "two", "three")
	if err != nil {
		fmt.Println(err)
		return
	}

	// The next process goes on where this one ended.
	store, err := boltstore.Open(path, boltstore.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()
	missed, err := hub.History(ctx, core.Subscription{Channels: []string{"news"}, After: before[0]}, 10)
	for i, d := range missed {
		fmt.Println(d.Data, d.ID == before[1+i])
	}
	fmt.Println(err)
	// Output:
	// two true
	// three true
	// <nil>
}
