package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// channel is the channel that prices are published to.
const channel = "prices"

// quote is a price. The numbers of quotes follow each other without a hole,
// whichever node publishes them.
type quote struct {
	N     int64   `json:"n"`
	Stock string  `json:"stock"`
	Value float64 `json:"value"`
	By    string  `json:"by"`
}

// symbols returns the symbols that are quoted, one after the other.
func symbols() []string { return []string{"IBM", "AAPL", "GOOG", "MSFT"} }

// market publishes quotes. One runs on each node, and there is no leader: each
// tries to publish number n+1 when it has seen number n, with that number as the
// idempotency key, and the store takes the first. To spare it attempts, the node
// that published number n is faster than the others. If it is killed, even between
// the store's yes and its own knowledge of that, another goes on, without a number
// twice or left out.
type market struct {
	hub    *core.Hub
	node   string
	every  time.Duration
	logger *slog.Logger

	last   quote              // newest that was seen
	prices map[string]float64 // newest of each stock
}

// run publishes until ctx ends.
func (m *market) run(ctx context.Context) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	said := ""
	for {
		if err := m.trade(ctx); ctx.Err() == nil && err != nil && err.Error() != said {
			said = err.Error()
			m.logger.Warn("market interrupted", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// trade goes on where the nodes were last, until something fails that does not
// pass by itself.
func (m *market) trade(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var follower sync.WaitGroup
	defer follower.Wait()
	defer cancel()
	after, err := m.recall(ctx)
	if err != nil {
		return err
	}
	topic := core.NewTopic[quote](m.hub, channel, "price").Keyed(func(q quote) string { return q.Stock })
	seen := make(chan quote)
	follower.Go(func() {
		defer close(seen)
		for q, err := range topic.Subscribe(ctx, core.Subscription{After: after}) {
			if err != nil {
				continue // a gap, or the end
			}
			select {
			case seen <- q:
			case <-ctx.Done():
			}
		}
	})
	return m.follow(ctx, topic, seen)
}

// recall notes the newest quotes, and returns the ID after which others follow.
func (m *market) recall(ctx context.Context) (after string, err error) {
	m.last, m.prices = quote{}, make(map[string]float64)
	after, n := m.hub.Position(), len(symbols())
	past, err := m.hub.History(ctx, core.Subscription{Channels: []string{channel}, Start: core.Last(n)}, n)
	for _, d := range past {
		var q quote
		if json.Unmarshal([]byte(d.Data), &q) == nil {
			m.note(q)
		}
		after = d.ID
	}
	return after, err
}

func (m *market) note(q quote) { m.last, m.prices[q.Stock] = q, q.Value }

// follow publishes a quote whenever it is this node's turn.
func (m *market) follow(ctx context.Context, topic core.Topic[quote], seen <-chan quote) error {
	turn := time.NewTimer(m.pause())
	defer turn.Stop()
	for {
		select {
		case q, ok := <-seen:
			if !ok {
				return context.Cause(ctx)
			}
			m.note(q)
			turn.Reset(m.pause())
		case <-turn.C:
			next := m.next()
			attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, _ = topic.Publish(attempt, next, core.Once(strconv.FormatInt(next.N, 10))) // or again, later
			cancel()
			turn.Reset(m.pause())
		}
	}
}

// pause returns the time until this node publishes, if no other does.
func (m *market) pause() time.Duration {
	if m.last.By == m.node {
		return m.every
	}
	return 3*m.every + rand.N(2*m.every)
}

// next returns the quote after the newest: a stock in its turn, a bit up or down.
func (m *market) next() quote {
	n := m.last.N + 1
	stock := symbols()[n%int64(len(symbols()))]
	value, known := m.prices[stock]
	if !known {
		value = 80 + 160*rand.Float64()
	}
	value = max(1, value*(1+0.012*rand.NormFloat64()))
	return quote{N: n, Stock: stock, Value: math.Round(100*value) / 100, By: m.node}
}
