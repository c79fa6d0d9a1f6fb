package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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

func ExampleConfig() {
	folder, err := os.MkdirTemp("", "tidings")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "history.db")

	store, err := boltstore.Open(path, boltstore.Config{
		// A power loss may cost the last second; the end of the process, nothing.
		Sync:     boltstore.SyncInterval,
		Interval: time.Second,
		Retention: core.Retention{
			Events:     10_000,
			TotalBytes: 1 << 30,
			Channels:   []core.ChannelRetention{{Pattern: "user/*", Age: time.Hour}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	// One store at a time has the file.
	_, err = boltstore.Open(path, boltstore.Config{LockWait: time.Millisecond})
	fmt.Println(errors.Is(err, boltstore.ErrLocked))
	// Output:
	// true
}
