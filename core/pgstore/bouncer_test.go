package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/storetest"
)

// Through a PgBouncer in transaction mode, a store passes the suite, too.
func TestStoreBehindPgBouncer(t *testing.T) {
	t.Parallel()
	bouncer, err := cluster.Bounce()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bouncer.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	storetest.Run(t, func(tb testing.TB, retention history.Retention) storetest.Open {
		tb.Helper()
		cfg := pgstore.Config{Schema: schema(), Retention: retention, PollOnly: true, Poll: 10 * time.Millisecond, Maintain: 50 * time.Millisecond}
		return func() history.Store {
			ctx, cancel := context.WithTimeout(context.Background(), nodetest.Patience)
			defer cancel()
			store, err := pgstore.Open(ctx, bouncer.DSN("postgres"), cfg)
			if err != nil {
				tb.Fatal(err)
			}
			return store
		}
	}, storetest.Options{Shared: true, Durable: true, Age: 300 * time.Millisecond, Wait: 30 * time.Second})
}
