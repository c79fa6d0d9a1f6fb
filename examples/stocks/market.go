// Package stocks is what the stocks sample in Gin and the one in Fiber share:
// a market of made-up quotes, the page that shows them, and the command line.
package stocks

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Channel is the channel that quotes are published to, and EventName the name
// of their events.
const (
	Channel   = "stocks"
	EventName = "stockupdate"
)

// maxLate is how far behind its plan a market catches up. What is later than
// that, because the machine slept say, is left out.
const maxLate = time.Second

// Quote is a price.
type Quote struct {
	Stock string  `json:"stock"`
	Value float64 `json:"value"`
}

// Symbols returns the symbols that are quoted.
func Symbols() []string { return []string{"IBM", "AAPL", "GOOG", "MSFT"} }

// Market publishes quotes to a hub, the same for all clients. Its methods are
// safe for concurrent use.
type Market struct {
	hub                *core.Hub
	topic              core.Topic[Quote]
	minDelay, maxDelay time.Duration
}

// NewMarket returns a market whose quotes follow each other after a random
// time from minDelay to maxDelay.
func NewMarket(hub *core.Hub, minDelay, maxDelay time.Duration) *Market {
	return &Market{
		hub: hub,
		// The key makes a snapshot the newest quote of each stock.
		topic:    core.NewTopic[Quote](hub, Channel, EventName).Keyed(func(q Quote) string { return q.Stock }),
		minDelay: minDelay,
		maxDelay: maxDelay,
	}
}

// Run publishes quotes until ctx ends or the hub is closed. Only one Run of a
// hub may be in progress, or a stock may be quoted twice in a row.
func (m *Market) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	symbols := Symbols()
	at := rand.IntN(len(symbols))
	due := time.Now()
	for {
		// Delays add up to a plan, so that a timer that is late is made up for.
		due = due.Add(m.minDelay + time.Duration(rand.N(uint64(m.maxDelay-m.minDelay)+1)))
		if now := time.Now(); now.Sub(due) > maxLate {
			due = now
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		at = (at + 1 + rand.IntN(len(symbols)-1)) % len(symbols) // another one
		if _, err := m.topic.Publish(ctx, Quote{Stock: symbols[at], Value: price()}); err != nil {
			return
		}
	}
}

// price returns 500, and a random whole number below 200, and random
// hundredths below 50.
func price() float64 {
	return float64(50000+100*rand.IntN(200)+rand.IntN(50)) / 100
}

// Subscription returns what a client gets that asks for a start: nothing for
// the quotes to come, "snapshot" for the newest quote of each stock before
// them. A client with a last event ID gets what followed it in either case.
func Subscription(start string) (core.Subscription, error) {
	sub := core.Subscription{Channels: []string{Channel}}
	switch start {
	case "":
	case "snapshot":
		sub.Start = core.Snapshot()
	default:
		return sub, core.Refuse(400, `There is one start, "snapshot".`)
	}
	return sub, nil
}
