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

	// A process publishes, and ends.
	ctx := context.Background()
	store, err := boltstore.Open(path, boltstore.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hub := core.NewHub(core.HubConfig{Store: store}) // which closes the store
	first, err := hub.Publish(ctx, "news", core.Event{Data: "one"})
	for _, data := range []string{"two", "three"} {
		_, bad := hub.Publish(ctx, "news", core.Event{Data: data})
		err = errors.Join(err, bad)
	}
	fmt.Println(errors.Join(err, hub.Close()))

	// The next process continues where this one ended.
	if store, err = boltstore.Open(path, boltstore.Config{}); err != nil {
		fmt.Println(err)
		return
	}
	hub = core.NewHub(core.HubConfig{Store: store})
	missed, err := hub.History(ctx, core.Subscription{Channels: []string{"news"}, After: first}, 10)
	for _, d := range missed {
		fmt.Println(d.Data)
	}
	fmt.Println(errors.Join(err, hub.Close()))
	// Output:
	// <nil>
	// two
	// three
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
