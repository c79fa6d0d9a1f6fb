package heartbeat_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/heartbeat"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

// beats returns what a client gets in a time, which must be a bubble's.
func beats(t *testing.T, last string, wait time.Duration) []core.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, heartbeat.Path, http.NoBody)
	r.Header.Set("Last-Event-ID", last)
	w := httptest.NewRecorder()
	core.Handle(core.NewHub(core.HubConfig{}), heartbeat.Beat).ServeHTTP(w, r)
	var events []core.Event
	for ev, err := range core.NewDecoder(strings.NewReader(w.Body.String()), core.DecoderConfig{}).All() {
		if err != nil {
			t.Fatalf("decoding: got error %v, want none", err)
		}
		events = append(events, ev)
	}
	return events
}

// check checks that an event is heartbeat n, and returns its time.
func check(t *testing.T, ev core.Event, n uint64) time.Time {
	t.Helper()
	var payload heartbeat.Payload
	err := json.Unmarshal([]byte(ev.Data), &payload)
	if err != nil || ev.Name != "heartbeat" || ev.ID != strconv.FormatUint(n, 10) || payload.Sequence != n {
		t.Fatalf("got %+v, want heartbeat %d", ev, n)
	}
	if !strings.HasPrefix(ev.Data, `{"sequence":`) || !strings.Contains(ev.Data, `,"timeStamp":"`) {
		t.Fatalf("heartbeat %d: got data %s, want a sequence and a timeStamp", n, ev.Data)
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", payload.TimeStamp)
	if err != nil {
		t.Fatalf("heartbeat %d: %v", n, err)
	}
	return at
}

// TestEverySecond checks that the first heartbeat comes at once, and the others
// a second after each other.
func TestEverySecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		events := beats(t, "", time.Minute+time.Millisecond)
		if len(events) != 61 {
			t.Errorf("heartbeats in a minute: got %d, want 61", len(events))
		}
		for i, ev := range events {
			want := begin.Add(time.Duration(i) * time.Second)
			if got := check(t, ev, uint64(i)+1); !got.Equal(want) {
				t.Errorf("heartbeat %s: got time %v, want %v", ev.ID, got, want)
			}
		}
	})
}

func TestResumeAfter(t *testing.T) {
	t.Parallel()
	for last, want := range map[string]uint64{
		"": 1, "0": 1, "1": 2, "41": 42, "9007199254740991": 1 << 53, "9007199254740992": 1,
		strconv.FormatUint(math.MaxUint64, 10): 1, "-1": 1, "+7": 1, "7.5": 1, "nonsense": 1, "abc-7": 1,
	} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				events := beats(t, last, 1500*time.Millisecond)
				if len(events) != 2 {
					t.Fatalf("heartbeats: got %d, want 2", len(events))
				}
				check(t, events[0], want)
				check(t, events[1], want+1)
			})
		})
	}
}
