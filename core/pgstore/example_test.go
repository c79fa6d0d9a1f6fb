package pgstore_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/pgstore"
)

// Two machines of an app, each with a hub on the same database: what one
// publishes, the other delivers.
func ExampleOpen() {
	ctx := context.Background()
	dsn := cluster.DSN("postgres") // such as "postgres://app@db/app"
	var hubs []*core.Hub
	for range 2 {
		store, err := pgstore.Open(ctx, dsn, pgstore.Config{Schema: "example"})
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

// An event is published if and only if the transaction commits.
func ExampleStore_PublishTx() {
	ctx := context.Background()
	dsn := cluster.DSN("postgres")
	store, err := pgstore.Open(ctx, dsn, pgstore.Config{Schema: "example of a transaction"})
	if err != nil {
		fmt.Println(err)
		return
	}
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()

	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, txErr := tx.Exec(ctx, "CREATE TABLE orders AS SELECT 1 AS number"); txErr != nil {
			return txErr
		}
		record, txErr := hub.Record("orders", core.Event{Name: "order", Data: "1"})
		if txErr != nil {
			return txErr
		}
		return store.PublishTx(ctx, tx, record)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for d := range hub.Subscribe(ctx, core.Subscription{Channels: []string{"orders"}, Start: core.Earliest()}) {
		fmt.Println(d.Name, d.Data)
		break
	}
	// Output: order 1
}

// A role of the app gets what a store needs, and no more.
func ExampleMigrate() {
	ctx := context.Background()
	dsn := cluster.DSN("postgres") // of a role that may create schemas
	cfg := pgstore.Config{Schema: "example of a role"}
	if err := cluster.Exec(ctx, "postgres", "CREATE ROLE example LOGIN"); err != nil {
		fmt.Println(err)
		return
	}
	if err := pgstore.Migrate(ctx, dsn, cfg, "example"); err != nil {
		fmt.Println(err)
		return
	}
	cfg.NoMigrate = true
	store, err := pgstore.Open(ctx, dsn+" user=example", cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Close())
	// Output: <nil>
}
