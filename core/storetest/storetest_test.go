package storetest_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ testing.TB, retention core.Retention) storetest.Open {
		store := core.NewMemoryStore(retention)
		return func() core.Store { return store }
	}, storetest.Options{Tells: true, Age: 50 * time.Millisecond})
}
