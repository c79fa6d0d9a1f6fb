package memstore_test

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/memstore"
)

// The first pattern that matches says how much is kept of a channel, each bound
// by itself with the documented default.
func TestRetentionByPattern(t *testing.T) {
	t.Parallel()
	store, _ := open(t, history.Retention{Events: 5, Channels: []history.ChannelRetention{
		{Pattern: "log/*", Events: 2},
		{Pattern: "log/a"}, // comes too late
		{Pattern: "all", Events: -1, Bytes: -1},
		{Pattern: "bytes", Events: -1, Bytes: 1000},
		{Pattern: "default", Age: time.Hour},
	}})
	for channel, want := range map[string]int{
		"log/a": 2, "log": 5, "log/a/b": 5, "all": 1100, "default": 1024, "x": 5,
	} {
		for range 1100 {
			appendTo(t, store, "x", channel)
		}
		if got := len(kept(t, store, channel)); got != want {
			t.Errorf("%s: got %d events kept, want %d", channel, got, want)
		}
	}
	for range 100 {
		appendTo(t, store, strings.Repeat("x", 100), "bytes")
	}
	if got := len(kept(t, store, "bytes")); got < 2 || got > 4 {
		t.Errorf("bytes: got %d events of some 300 bytes kept, want about 3", got)
	}
}

// Each channel ages by its own rules, however long others take.
func TestRetentionAgesByPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := open(t, history.Retention{Idle: -1, Channels: []history.ChannelRetention{
			{Pattern: "minute", Age: time.Minute, Idle: -1},
			{Pattern: "hour", Age: time.Hour, Idle: -1, Events: -1},
			{Pattern: "idle", Idle: 10 * time.Minute},
			{Pattern: "both", Age: time.Hour, Idle: 10 * time.Minute},
		}})
		// After an hour, an event of "hour" expires at every moment, which must not
		// delay "minute".
		began := time.Now()
		for time.Since(began) < 2*time.Hour {
			appendTo(t, store, "x", "hour")
			time.Sleep(time.Second)
		}
		appendTo(t, store, "x", "minute", "idle", "both", "ever")
		synctest.Wait()
		log.clear()
		within := func(when, channel string, from, to time.Duration) {
			t.Helper()
			for elapsed := time.Duration(0); elapsed <= to; elapsed += time.Second {
				synctest.Wait()
				gone := slices.ContainsFunc(log.notices(), func(s string) bool { return strings.HasPrefix(s, channel+" ") })
				if gone && elapsed < from {
					t.Errorf("%s: got %s trimmed after %v, want %v", when, channel, elapsed, from)
				}
				if gone {
					return
				}
				time.Sleep(time.Second)
				appendTo(t, store, "x", "hour")
			}
			t.Errorf("%s: got %s not trimmed after %v", when, channel, to)
		}
		within("first", "minute", time.Minute, 62*time.Second)
		within("a minute later", "idle", 8*time.Minute, 9*time.Minute+10*time.Second)
		for range 8 { // at any moment between two passes
			time.Sleep(5 * time.Second)
			appendTo(t, store, "x", "minute")
			synctest.Wait()
			log.clear()
			within("again", "minute", time.Minute, 62*time.Second)
		}
		if got := kept(t, store, "minute", "idle", "both", "ever"); len(got) != 1 {
			t.Errorf("got %d kept, want the one on ever", len(got))
		}
		time.Sleep(1000 * time.Hour)
		if got := kept(t, store, "ever"); len(got) != 1 {
			t.Errorf("after a long time: got %d kept on ever, want 1", len(got))
		}
	})
}

// A channel that was idle is forgotten as a whole, a channel with news is not;
// what comes later does not bring back what was too old.
func TestRetentionByIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _ := open(t, history.Retention{Idle: 100 * time.Minute})
		appendTo(t, store, "1", "busy", "idle")
		for range 9 {
			time.Sleep(10 * time.Minute)
			appendTo(t, store, "x", "busy")
		}
		if got := kept(t, store, "busy", "idle"); len(got) != 11 {
			t.Errorf("before: got %d kept, want all 11", len(got))
		}
		time.Sleep(10 * time.Minute) // exactly: the timer may have run or not
		if got := kept(t, store, "idle"); len(got) != 0 {
			t.Errorf("idle for so long: got %v kept, want none", got)
		}
		if got := kept(t, store, "busy"); len(got) != 10 {
			t.Errorf("busy: got %d kept, want all 10", len(got))
		}
		if got := gapAfter(t, store, 1, "idle"); got != history.GapTrimmed {
			t.Errorf("idle, after the first of all: got gap %q, want %q", got, history.GapTrimmed)
		}
		appendTo(t, store, "new", "idle")
		if got := kept(t, store, "idle"); len(got) != 1 {
			t.Errorf("idle, with an event again: got %v kept, want that one", got)
		}
		time.Sleep(200 * time.Minute)
		synctest.Wait()
		if got := kept(t, store, "busy", "idle"); len(got) != 0 {
			t.Errorf("after all: got %v kept, want none", got)
		}
	})
}

// Between two passes of the timer, an event comes to a channel that has been
// idle for long enough.
func TestRetentionByIdleIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := open(t, history.Retention{Idle: 100 * time.Minute})
		appendTo(t, store, "x", "first")
		time.Sleep(30 * time.Second)
		appendTo(t, store, "x", "a", "a")
		// The timer ran for the first, and comes back in a minute.
		time.Sleep(100*time.Minute + time.Second)
		if got := kept(t, store, "a"); len(got) != 0 {
			t.Fatalf("got %v kept, want none", got)
		}
		appendTo(t, store, "x", "a")
		if got, want := kept(t, store, "a"), []uint64{4}; !slices.Equal(got, want) {
			t.Errorf("with one more: got %v kept, want %v", got, want)
		}
		if got := log.notices(); !slices.Contains(got, "a 3") {
			t.Errorf("got notices %q, want one of those that are too old", got)
		}
	})
}

// Over the bound of all together, the oldest go first, whatever their channel,
// and the sinks are told. The newest of all stays.
func TestRetentionByTotalBytes(t *testing.T) {
	t.Parallel()
	const total = 100 << 10
	store, log := open(t, history.Retention{TotalBytes: total, Events: -1, Bytes: -1})
	var all []*history.Entry
	for i := range 2000 {
		channel := []string{"a", "b", "c", "once " + strconv.Itoa(i)}[i%4]
		all = append(all, appendTo(t, store, strings.Repeat("x", i%300), channel)...)
	}
	var left []*history.Entry
	trimmed := make(map[string]uint64)
	for _, s := range log.notices() {
		at := strings.LastIndex(s, " ")
		seq, err := strconv.ParseUint(s[at+1:], 10, 64)
		if err != nil || seq <= trimmed[s[:at]] {
			t.Fatalf("notice %q after %d: want them to go up", s, trimmed[s[:at]])
		}
		trimmed[s[:at]] = seq
	}
	bytes := 0
	for _, e := range all {
		if e.Position.Seq > trimmed[e.Channel] {
			left = append(left, e)
			bytes += e.Size()
		}
	}
	for i, e := range left {
		if want := all[len(all)-len(left)+i]; e != want {
			t.Fatalf("kept, the %d. of %d: got event %d, want %d: the newest, whatever their channel", i, len(left), e.Position.Seq, want.Position.Seq)
		}
		if got := kept(t, store, e.Channel); !slices.Contains(got, e.Position.Seq) {
			t.Fatalf("%s: got %v kept, want %d, which was not reported as trimmed", e.Channel, got, e.Position.Seq)
		}
	}
	if bytes > total || bytes < total/4 {
		t.Errorf("got %d bytes kept, want up to %d with their channels'", bytes, total)
	}
	appendTo(t, store, strings.Repeat("x", 2*total), "large")
	if got := kept(t, store, "large"); len(got) != 1 {
		t.Errorf("larger than the bound: got %d kept, want the newest of all", len(got))
	}
}

// Of many forgotten channels, the store remembers the newest one by one: a client
// that was up to date on one of them finds no gap. A client that was not always
// finds one.
func TestForgottenChannelsAreRemembered(t *testing.T) {
	t.Parallel()
	store, _ := open(t, history.Retention{})
	const channels = 10_000
	for i := range channels {
		name := fmt.Sprint("channel ", i)
		appendTo(t, store, "x", name)
		if err := store.Forget(t.Context(), name); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	for i := range channels {
		name, seq := fmt.Sprint("channel ", i), uint64(i+1)
		if got := gapAfter(t, store, seq-1, name); got != history.GapTrimmed {
			t.Fatalf("%s, before its event: got gap %q, want %q", name, got, history.GapTrimmed)
		}
		if got := gapAfter(t, store, seq, name); i >= channels-2000 && got != "" {
			t.Fatalf("%s, after its event: got gap %q, want none", name, got)
		}
	}
	// A channel that never had an event does not look as if it had.
	if got := gapAfter(t, store, channels-2000, "never"); got != "" {
		t.Errorf("on a channel that never had an event: got gap %q, want none", got)
	}
	// Forgotten private channels are not remembered: no client comes back to one.
	for range channels {
		name := "~" + rand.Text()
		appendTo(t, store, "x", name)
		if err := store.Forget(t.Context(), name); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	if got := gapAfter(t, store, channels, fmt.Sprint("channel ", channels-1)); got != "" {
		t.Errorf("after many private channels: got gap %q, want none", got)
	}
}

// A store that is no longer referenced is freed, though its timer runs.
func TestAgingDoesNotHoldTheStore(t *testing.T) { //nolint:paralleltest // It collects garbage.
	pointer := func() weak.Pointer[memstore.Store] {
		store := memstore.New(history.Retention{Age: time.Hour})
		appendTo(t, store, "x", "a")
		return weak.Make(store)
	}()
	for range 100 {
		if runtime.GC(); pointer.Value() == nil {
			return
		}
	}
	t.Error("a store without references: still held")
}

// After many channels were forgotten, a client that comes back to a private
// channel without history finds no gap there.
func TestPrivateChannelHasNoPast(t *testing.T) {
	t.Parallel()
	store, _ := open(t, history.Retention{})
	for i := range 10_000 {
		name := "channel " + strconv.Itoa(i)
		appendTo(t, store, "x", name)
		if err := store.Forget(t.Context(), name); err != nil {
			t.Fatalf("Forget: %v", err)
		}
	}
	for name, want := range map[string]history.GapReason{"never used": history.GapTrimmed, "~" + strings.Repeat("A", 26): ""} {
		if got := gapAfter(t, store, 1, name); got != want {
			t.Errorf("gap on %s: got %q, want %q", name, got, want)
		}
	}
}
