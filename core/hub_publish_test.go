package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

func TestPublishReturnsIDs(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	var ids []string
	for i := range 120 {
		ids = append(ids, publish(t, hub, []string{"a", "b"}[i%2], "x")...)
	}
	if !ascending(ids) {
		t.Errorf("got IDs %q, want them to go up", ids)
	}
	found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a", "b"}, Start: core.Earliest()}, 1000)
	if err != nil || len(found) != len(ids) {
		t.Fatalf("History: got %d events, %v, want %d", len(found), err, len(ids))
	}
	for i, d := range found {
		if d.ID != ids[i] {
			t.Errorf("event %d: got ID %q, want %q", i, d.ID, ids[i])
		}
	}
}

func TestPublishKeepsTheEvent(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for _, ev := range []core.Event{
		{},
		{Data: "text"},
		{Name: "name", Data: " two\nlines ", Retry: 1500 * time.Millisecond, Key: "key\r\n\x00"},
		{ID: "row 17", Name: "ü", Data: "🙂\n\n"},
		{ID: "other", Data: strings.Repeat("x", 100_000), Retry: time.Hour},
	} {
		id, err := hub.Publish(t.Context(), "a", ev)
		if err != nil {
			t.Fatalf("Publish %+v: %v", ev, err)
		}
		if ev.ID != "" && id != ev.ID {
			t.Errorf("got ID %q, want the event's own, %q", id, ev.ID)
		}
		ev.ID = id
		got, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Last(1)}, 1)
		if err != nil || len(got) != 1 || got[0] != (core.Delivery{Event: ev, Channel: "a"}) {
			t.Errorf("got %+v, %v, want %+v", got, err, ev)
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	const most = 1000
	name, lines := strings.Repeat("n", core.MaxChannelBytes), strings.Repeat("\n", most/7)
	for _, test := range []struct {
		name    string
		channel string
		event   core.Event
		want    error // nil: it is published
		field   string
	}{
		{"longest channel", name, core.Event{}, nil, ""},
		{"channel too long", name + "n", core.Event{}, core.ErrChannelName, ""},
		{"no channel", "", core.Event{}, core.ErrChannelName, ""},
		{"channel not UTF-8", "\xff", core.Event{}, core.ErrChannelName, ""},
		{"control character", "a\nb", core.Event{}, core.ErrChannelName, ""},
		{"another one", "a\u0085b", core.Event{}, core.ErrChannelName, ""},
		{"any other text", " ü*/>.🙂 ", core.Event{}, nil, ""},
		{"position of another hub", "a", core.Event{ID: "2k8x1m9q-17"}, nil, ""},
		{"a number of its own", "a", core.Event{ID: "order-17"}, nil, ""},
		{"line in the ID", "a", core.Event{ID: "1\ndata: x"}, nil, "id"},
		{"NUL in the ID", "a", core.Event{ID: "1\x00"}, nil, "id"},
		{"ID too long", "a", core.Event{ID: strings.Repeat("i", core.MaxIDBytes+1)}, nil, "id"},
		{"line in the name", "a", core.Event{Name: "n\rdata: x"}, nil, "name"},
		{"negative retry", "a", core.Event{Retry: -1}, nil, "retry"},
		{"largest", "a", core.Event{Data: strings.Repeat("x", most-len("data: \n"))}, nil, ""},
		{"too large", "a", core.Event{Data: strings.Repeat("x", most-len("data: \n")+1)}, core.ErrTooLarge, ""},
		{"much too large", "a", core.Event{Data: strings.Repeat("x", 100*most)}, core.ErrTooLarge, ""},
		{"many lines", "a", core.Event{Data: lines}, core.ErrTooLarge, ""},
		{"key too large", "a", core.Event{Key: strings.Repeat("k", core.MaxKeyBytes+1)}, core.ErrTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hub := openHub(t, core.HubConfig{MaxEvent: most})
			id, err := hub.Publish(t.Context(), test.channel, test.event)
			var fault *core.FieldError
			published := uint64(0)
			switch {
			case test.field != "":
				if !errors.As(err, &fault) || fault.Field != test.field {
					t.Errorf("got %q, %v, want a *FieldError of %s", id, err, test.field)
				}
			case test.want != nil:
				if !errors.Is(err, test.want) {
					t.Errorf("got %q, %v, want %v", id, err, test.want)
				}
			default:
				if published = 1; err != nil || id == "" {
					t.Errorf("got %q, %v, want an ID", id, err)
				}
			}
			if err != nil && id != "" {
				t.Errorf("got ID %q along with error %v", id, err)
			}
			publish(t, hub, "a", "next")
			if got := hub.Stats().Published; got != published+1 {
				t.Errorf("got %d published, want %d", got, published+1)
			}
		})
	}
}

// failing is a store whose Append fails.
type failing struct{ core.Store }

var errDisk = errors.New("disk full")

func (failing) Append(context.Context, []core.Record) ([]*core.Entry, error) { return nil, errDisk }

func TestPublishReturnsTheStoresError(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{Store: failing{core.NewMemoryStore(core.Retention{})}})
	id, err := hub.Publish(t.Context(), "a", core.Event{})
	if !errors.Is(err, errDisk) || id != "" {
		t.Errorf("got %q, %v, want an error that wraps the store's", id, err)
	}
	if got := hub.Stats().Published; got != 0 {
		t.Errorf("got %d published, want 0", got)
	}
}

// One publisher's events arrive in its order, though many publish.
func TestPublishersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const publishers, each = 8, 50
	hub := openHub(t, core.HubConfig{})
	done := make(chan error, publishers)
	for p := range publishers {
		go func() {
			for i := range each {
				if _, err := hub.Publish(t.Context(), "a", core.Event{Name: string(rune('a' + p)), Data: numbers(i, i)[0]}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range publishers {
		if err := <-done; err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	found, err := hub.History(t.Context(), core.Subscription{Channels: []string{"a"}, Start: core.Earliest()}, 1000)
	if err != nil || len(found) != publishers*each {
		t.Fatalf("got %d events, %v, want %d", len(found), err, publishers*each)
	}
	next := make(map[string]int)
	for _, d := range found {
		if want := numbers(next[d.Name], next[d.Name])[0]; d.Data != want {
			t.Fatalf("of publisher %s: got %s, want %s", d.Name, d.Data, want)
		}
		next[d.Name]++
	}
}

// An application's ID cannot have the form of the hub's IDs.
func TestPublishRefusesPositions(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	at, ok := core.ParsePosition(publish(t, hub, "a", "first")[0])
	if !ok {
		t.Fatal("the ID of an event is no position")
	}
	for _, seq := range []uint64{1, 2, 99} {
		at.Seq = seq
		if _, err := hub.Publish(t.Context(), "a", core.Event{ID: at.String()}); !errors.Is(err, core.ErrReservedID) {
			t.Errorf("ID %s: got %v, want ErrReservedID", at, err)
		}
	}
}
