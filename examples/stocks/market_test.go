package stocks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/stocks"
)

// quotes runs a market for a time, which must be a bubble's, and returns what it published.
func quotes(t *testing.T, store core.Store, minDelay, maxDelay, run time.Duration) []core.Delivery {
	t.Helper()
	hub := core.NewHub(core.HubConfig{Store: store})
	ctx, cancel := context.WithTimeout(t.Context(), run)
	defer cancel()
	stocks.NewMarket(hub, minDelay, maxDelay).Run(ctx)
	all := core.Subscription{Channels: []string{stocks.Channel}, Start: core.Earliest()}
	found, err := hub.History(t.Context(), all, 1<<20)
	if err != nil {
		t.Fatalf("history: got error %v, want none", err)
	}
	if err := hub.Close(); err != nil {
		t.Errorf("closing the hub: got error %v, want none", err)
	}
	return found
}

func unbounded() *core.MemoryStore {
	return core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1})
}

func TestMarketQuotes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		form := regexp.MustCompile(`^\{"stock":"[A-Z]+","value":[0-9]{3}(\.[0-9]{1,2})?\}$`)
		found := quotes(t, unbounded(), time.Millisecond, time.Millisecond, 20*time.Second)
		seen := make(map[string]int)
		before := ""
		lowest, highest := 1000.0, 0.0
		for i, d := range found {
			if d.Name != "stockupdate" || d.Channel != "stocks" {
				t.Fatalf("event %d: got name %q on channel %q, want stockupdate on stocks", i, d.Name, d.Channel)
			}
			if !form.MatchString(d.Data) {
				t.Fatalf("event %d: got data %s, want it to match %v", i, d.Data, form)
			}
			var q stocks.Quote
			if err := json.Unmarshal([]byte(d.Data), &q); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			if q.Stock == before {
				t.Fatalf("event %d: got a quote of %s again, want another stock", i, q.Stock)
			}
			before = q.Stock
			seen[q.Stock]++
			hundredths := int(q.Value*100+0.5) % 100
			if q.Value < 500 || q.Value >= 700 || hundredths >= 50 {
				t.Fatalf("event %d: got value %v, want 500 + less than 200 + less than 50 hundredths", i, q.Value)
			}
			lowest, highest = min(lowest, q.Value), max(highest, q.Value)
			at, ok := core.ParsePosition(d.ID)
			if !ok || at.Seq != uint64(i)+1 {
				t.Fatalf("event %d: got ID %q, want one that counts %d", i, d.ID, i+1)
			}
		}
		for _, symbol := range stocks.Symbols() {
			// A quarter of 20,000, give or take what chance never takes.
			if n := seen[symbol]; n < 4500 || n > 5500 {
				t.Errorf("quotes of %s: got %d, want about 5000", symbol, n)
			}
		}
		if len(seen) != 4 || lowest > 501 || highest < 699 {
			t.Errorf("got %d stocks from %v to %v, want 4 from 500 to 700", len(seen), lowest, highest)
		}
	})
}

func TestSymbols(t *testing.T) {
	t.Parallel()
	if got, want := stocks.Symbols(), []string{"IBM", "AAPL", "GOOG", "MSFT"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestMarketDelay checks that delays are spread over all that is allowed, and
// that they add up.
func TestMarketDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		times := &delayingStore{MemoryStore: unbounded()}
		const least, most = 500 * time.Millisecond, 2500 * time.Millisecond
		start := time.Now()
		quotes(t, times, least, most, time.Hour)
		shortest, longest := most, least
		for i, at := range times.at {
			delay := at.Sub(start)
			if delay < least || delay > most {
				t.Fatalf("delay %d: got %v, want %v to %v", i, delay, least, most)
			}
			shortest, longest = min(shortest, delay), max(longest, delay)
			start = at
		}
		if shortest > least+50*time.Millisecond || longest < most-50*time.Millisecond {
			t.Errorf("got delays from %v to %v, want them from about %v to %v", shortest, longest, least, most)
		}
	})
}

// delayingStore is a store that records when events arrive, and is slow for
// some.
type delayingStore struct {
	*core.MemoryStore
	at    []time.Time
	every int // so many events
	stall time.Duration
}

func (s *delayingStore) Append(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
	s.at = append(s.at, time.Now())
	if s.every > 0 && len(s.at)%s.every == 0 {
		time.Sleep(s.stall)
	}
	entries, err := s.MemoryStore.Append(ctx, records)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	return entries, nil
}

// TestMarketRate checks that a thousand a second are a thousand a second, also
// when something holds the market up, unless it is for very long.
func TestMarketRate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		run      time.Duration
		every    int
		stall    time.Duration
		from, to int
	}{
		{"on time", 10 * time.Second, 0, 0, 9999, 10000},
		{"late now and then", 10 * time.Second, 100, 30 * time.Millisecond, 9950, 10030},
		{"asleep", 65500 * time.Millisecond, 5000, time.Minute, 5490, 5510},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &delayingStore{MemoryStore: unbounded(), every: tt.every, stall: tt.stall}
				got := len(quotes(t, store, time.Millisecond, time.Millisecond, tt.run))
				if got < tt.from || got > tt.to {
					t.Errorf("events in %v: got %d, want %d to %d", tt.run, got, tt.from, tt.to)
				}
			})
		})
	}
}

// TestMarketEnds checks that a market stops when its hub is closed.
func TestMarketEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := core.NewHub(core.HubConfig{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			stocks.NewMarket(hub, time.Second, time.Second).Run(t.Context())
		}()
		if err := hub.Close(); err != nil {
			t.Errorf("closing the hub: got error %v, want none", err)
		}
		<-ended
	})
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		start string
		want  core.Start
		ok    bool
	}{
		{"", core.Live(), true},
		{"snapshot", core.Snapshot(), true},
		{"nonsense", core.Live(), false},
	} {
		sub, err := stocks.Subscription(tt.start)
		if (err == nil) != tt.ok || tt.ok && (sub.Start != tt.want || !slices.Equal(sub.Channels, []string{"stocks"})) {
			t.Errorf("start %q: got %+v and error %v, want start %+v, error %v", tt.start, sub, err, tt.want, !tt.ok)
		}
	}
}
