package memstore_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

// A long once key counts as several, so that the keys are bounded in bytes.
func TestLongOnceKeysCountMore(t *testing.T) {
	t.Parallel()
	store := memstore.New(history.Retention{OnceKeys: 20})
	defer func() { _ = store.Close() }()
	publish := func(key string) uint64 {
		t.Helper()
		entries, err := store.Append(t.Context(), []history.Record{{Channel: "a", Once: key, ID: strings.Repeat("i", len(key))}})
		if err != nil {
			t.Fatalf("Append: %v", err)
		}
		return entries[0].Seq()
	}
	for i := range 20 {
		publish("key " + strconv.Itoa(i))
	}
	long := strings.Repeat("k", 512) // counts 5, with the channel's name and the ID
	publish(long + "1")
	publish(long + "2")
	if got := publish("key 10"); got != 11 {
		t.Errorf("one of the newest: got number %d, want 11 again", got)
	}
	if got := publish("key 9"); got != 23 {
		t.Errorf("one before: got number %d, want a new one", got)
	}
}
