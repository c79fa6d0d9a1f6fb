package core_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// quote is what the topics of these tests are about.
type quote struct {
	Stock string  `json:"stock"`
	Value float64 `json:"value"`
}

func TestTopic(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	quotes := core.NewTopic[quote](hub, "stocks", "stockupdate")
	if got := quotes.Channel(); got != "stocks" {
		t.Errorf("Channel: got %q, want %q", got, "stocks")
	}
	want := []quote{{"IBM", 567.29}, {"T\n\r\u2028", -1}, {}}
	var ids []string
	for _, q := range want {
		id, err := quotes.Publish(t.Context(), q)
		if err != nil {
			t.Fatalf("Publish %+v: %v", q, err)
		}
		ids = append(ids, id)
		// Of another name: passed over.
		if _, err := hub.Publish(t.Context(), "stocks", core.Event{Name: "other", Data: "{"}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	take := func(sub core.Subscription, n int) []quote {
		t.Helper()
		var got []quote
		for q, err := range quotes.Subscribe(t.Context(), sub) {
			if err != nil {
				t.Fatalf("Subscribe: %v", err)
			}
			if got = append(got, q); len(got) == n {
				break
			}
		}
		return got
	}
	if got := take(core.Subscription{Start: core.Earliest()}, 3); !slices.Equal(got, want) {
		t.Errorf("earliest: got %+v, want %+v", got, want)
	}
	// The subscription's channels do not count.
	if got := take(core.Subscription{After: ids[0], Channels: []string{"else"}}, 2); !slices.Equal(got, want[1:]) {
		t.Errorf("after the first: got %+v, want %+v", got, want[1:])
	}
	found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"stocks"}, Start: core.Earliest()}, 1)
	text := core.Delivery{Event: core.Event{ID: ids[0], Name: "stockupdate", Data: `{"stock":"IBM","value":567.29}`}, Channel: "stocks"}
	if err != nil || len(found) != 1 || found[0] != text {
		t.Errorf("on the wire: got %+v, %v, want %+v", found, err, text)
	}
}

func TestTopicKeyed(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	plain := core.NewTopic[quote](hub, "stocks", "stockupdate")
	keyed := plain.Keyed(func(q quote) string { return q.Stock })
	for _, q := range []quote{{"IBM", 1}, {"T", 2}, {"IBM", 3}, {"C", 4}, {"T", 5}} {
		if _, err := keyed.Publish(t.Context(), q); err != nil {
			t.Fatalf("Publish %+v: %v", q, err)
		}
	}
	if _, err := plain.Publish(t.Context(), quote{"plain", 6}); err != nil { // it has no key still
		t.Fatalf("Publish: %v", err)
	}
	var got []quote
	for q, err := range plain.Subscribe(t.Context(), core.Subscription{Start: core.Snapshot()}) {
		if err != nil {
			t.Fatalf("Subscribe: %v", err)
		}
		if got = append(got, q); len(got) == 3 {
			break
		}
	}
	if want := []quote{{"IBM", 3}, {"C", 4}, {"T", 5}}; !slices.Equal(got, want) {
		t.Errorf("snapshot: got %+v, want %+v", got, want)
	}
}

func TestTopicErrors(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{MaxEvent: 1000})
	numbersOnly := core.NewTopic[float64](hub, "a", "n")
	unsupported := (*json.UnsupportedValueError)(nil)
	if id, err := numbersOnly.Publish(t.Context(), math.NaN()); !errors.As(err, &unsupported) || id != "" {
		t.Errorf("a value that JSON does not have: got %q, %v, want json's error", id, err)
	}
	texts := core.NewTopic[string](hub, "a", "n")
	if id, err := texts.Publish(t.Context(), strings.Repeat("x", 1000)); !errors.Is(err, core.ErrTooLarge) || id != "" {
		t.Errorf("too large: got %q, %v, want ErrTooLarge", id, err)
	}
	if _, err := texts.Publish(t.Context(), "text"); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	if _, err := numbersOnly.Publish(t.Context(), 7); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	// What is no number yields an error, and it goes on; a gap does, too.
	var got []float64
	var errs []error
	for n, err := range numbersOnly.Subscribe(t.Context(), core.Subscription{After: "nobody's", Start: core.Earliest()}) {
		got, errs = append(got, n), append(errs, err)
		if len(got) == 3 {
			break
		}
	}
	gap, mismatch := (*core.GapError)(nil), (*json.UnmarshalTypeError)(nil)
	if !slices.Equal(got, []float64{0, 0, 7}) || !errors.As(errs[0], &gap) || !errors.As(errs[1], &mismatch) || errs[2] != nil {
		t.Errorf("got %v with errors %v, want a gap, a type mismatch, and 7", got, errs)
	}
}

func TestNewTopicPanics(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for _, test := range []struct{ channel, name string }{{"", "n"}, {"a\n", "n"}, {"a", "n\n"}, {"a", "\xff"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewTopic of channel %q and name %q: got no panic, want one", test.channel, test.name)
				}
			}()
			core.NewTopic[int](hub, test.channel, test.name)
		}()
	}
}
