package boltstore_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// The newest once keys are remembered, up to the bound and within the window.
func TestOnceKeysAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{OnceKeys: 10, OnceWindow: time.Minute}})
		publish := func(n int) uint64 {
			r := record("a", "x")
			r.Once = fmt.Sprint("key ", n)
			return appendTo(t, store, r)[0].Seq()
		}
		for i := range 25 {
			publish(i)
		}
		for i := 15; i < 25; i++ {
			if got, want := publish(i), uint64(i+1); got != want {
				t.Errorf("one of the newest 10: got number %d, want %d again", got, want)
			}
		}
		if got := publish(14); got != 26 {
			t.Errorf("one before: got number %d, want a new one", got)
		}
		if got := counts(t, store); got["once"] != 10 || got["onceorder"] != 10 {
			t.Errorf("got %v in the file, want 10 once keys", got)
		}
		time.Sleep(time.Minute)
		for i := range 3 { // each drops more than one key beyond the window
			publish(100 + i)
		}
		if got := counts(t, store); got["once"] != 3 || got["onceorder"] != 3 {
			t.Errorf("after the window: got %v in the file, want 3 once keys", got)
		}
	})
}

// A long once key counts as several, so that the keys are bounded in bytes.
func TestLongOnceKeysCountMore(t *testing.T) {
	t.Parallel()
	store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{OnceKeys: 20}})
	publish := func(key string) uint64 {
		r := record("a", "x")
		r.Once, r.ID = key, strings.Repeat("i", len(key)-1)
		return appendTo(t, store, r)[0].Seq()
	}
	for i := range 20 {
		publish(fmt.Sprint("key ", i))
	}
	long := strings.Repeat("k", 512) // counts 5, with the channel's name and the ID
	publish(long + "1")
	publish(long + "2")
	if got := counts(t, store); got["once"] != 10+2 || got["onceorder"] != 10+2 {
		t.Errorf("got %v in the file, want 10 short keys and 2 long ones", got)
	}
	if got := publish("key 10"); got != 11 {
		t.Errorf("one of the newest: got number %d, want 11 again", got)
	}
	if got := publish("key 9"); got != 23 {
		t.Errorf("one before: got number %d, want a new one", got)
	}
}
