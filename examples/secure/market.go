package secure

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Names of the channels.
const (
	Prices = "prices"
	Orders = "orders"
)

// opening is how many prices are there from the beginning.
const opening = 16

// Price is the data of the events "price", on the channel Prices.
type Price struct {
	Symbol string  `json:"symbol"`
	Value  float64 `json:"value"`
}

// Order is the data of the events "order", on the channel Orders.
type Order struct {
	Side     string `json:"side"`
	Quantity int    `json:"quantity"`
	Price
}

// Trade publishes made-up prices, and some orders, until ctx ends or the app is
// closed.
func (a *App) Trade(ctx context.Context) {
	prices := core.NewTopic[Price](a.hub, Prices, "price").Keyed(func(p Price) string { return p.Symbol })
	orders := core.NewTopic[Order](a.hub, Orders, "order")
	symbols, sides := [...]string{"BRASS", "COCOA", "OATS", "WOOL"}, [...]string{"buy", "sell"}
	ticker := time.NewTicker(a.options.Every)
	defer ticker.Stop()
	for i := 0; ; i++ {
		price := Price{symbols[i%len(symbols)], float64(9000+rand.IntN(2000)) / 100}
		_, err := prices.Publish(ctx, price)
		if err == nil && i%3 == 0 {
			_, err = orders.Publish(ctx, Order{sides[rand.IntN(len(sides))], 10 + 10*rand.IntN(50), price})
		}
		if err != nil {
			return
		}
		if i < opening {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
