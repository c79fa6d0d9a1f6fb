package natsstore_test

import (
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/natsstore"
	"github.com/tidings-go/tidings/core/natsstore/internal/natstest"
)

// rights are those that the package documentation names.
func rights() []string {
	return []string{
		"tidings.log.>", "tidings.state.>",
		"$JS.API.STREAM.INFO.TIDINGS", "$JS.API.STREAM.INFO.TIDINGS_STATE",
		"$JS.API.STREAM.MSG.GET.TIDINGS", "$JS.API.STREAM.MSG.GET.TIDINGS_STATE",
		"$JS.API.STREAM.PURGE.TIDINGS", "$JS.API.STREAM.PURGE.TIDINGS_STATE",
		"$JS.API.CONSUMER.CREATE.TIDINGS.*", "$JS.API.CONSUMER.CREATE.TIDINGS_STATE.*",
		"$JS.API.CONSUMER.DELETE.TIDINGS.*", "$JS.API.CONSUMER.DELETE.TIDINGS_STATE.*",
		"$JS.API.DIRECT.GET.TIDINGS",
		"$JS.FC.>",
	}
}

// A store that creates no stream needs no more rights than the documentation names.
func TestRights(t *testing.T) {
	t.Parallel()
	s := server(t, natstest.Options{Publish: rights()})
	cfg := natsstore.Config{
		CacheBytes: -1, Maintain: 50 * time.Millisecond, Timeout: 4 * time.Second,
		Retention: history.Retention{Events: 10, OnceWindow: time.Millisecond},
	}
	if err := natsstore.Create(t.Context(), s.URLFor("admin"), cfg); err != nil {
		t.Fatal(err)
	}
	_, js := admin(t, s.URLFor("admin"))
	cfg.NoCreate = true
	one := node(t, s.URLFor("app"), cfg)
	publish(t, one, numbers("a", 1, 100)...)
	if _, err := one.PublishBatch(t.Context(), core.Publication{Channel: "b", Event: core.Event{Data: "1"}}, core.Publication{Channel: "b", Event: core.Event{Data: "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Publish(t.Context(), "b", core.Event{Data: "3"}, core.Once("key")); err != nil {
		t.Fatal(err)
	}
	if err := one.Forget(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	messages(t, js, "TIDINGS", func(n uint64) bool { return n == 1+10 })
	node(t, s.URLFor("app"), cfg).Read(t, nodetest.All("")).Wants(t, "what is kept", numbers("a", 91, 100)...)
}
