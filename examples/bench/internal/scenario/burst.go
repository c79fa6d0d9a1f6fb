//go:build linux

package scenario

import (
	"fmt"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
)

// burst measures what happens with more than can be written one by one.
func burst(e Env) Scenario {
	const rate = 500
	clients := e.clients(2000)
	return Scenario{
		Name:  "burst",
		Title: "Burst",
		About: fmt.Sprintf("%d events a second offered to %d clients for %g s: how much arrives, and how fast, "+
			"no later than %v after it ends. What the publisher could not publish in time "+
			"counts as not delivered.", rate, clients, e.Seconds, drain),
		Metrics: []Metric{
			{
				Key: "rate", Label: "deliveries", Unit: "1000/s", More: true, Compared: true,
				Plot:   "Deliveries per second, in thousands (500 events/s offered to " + count(clients) + " clients)",
				Beside: "share",
			},
			shareMetric(),
			{Key: "published", Label: "published", Unit: "%", Digits: 1, More: true},
			lostMetric(),
			{Key: "cpu", Label: "CPU per delivery", Unit: "µs", Digits: 2},
			{Key: "p99", Label: "p99", Unit: "ms"},
			busyMetric(),
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: 1})
			if err != nil {
				return nil, err
			}
			defer p.close()
			if _, err = p.connect(load.Command{Clients: clients}); err != nil {
				return nil, err
			}
			order := e.warmUpOrder()
			if err = p.warmUp(order, order.Events*clients); err != nil {
				return nil, err
			}
			order.Rate, order.Events, order.Grace = rate, int(rate*e.Seconds), 100*time.Millisecond
			m, err := p.measure(order, clients)
			return Values{
				"rate":      float64(m.report.Events) / max(m.took.Seconds(), e.Seconds) / 1e3,
				"share":     m.share(),
				"published": 100 * float64(m.done.Published) / float64(order.Events),
				"lost":      float64(m.report.Disconnected),
				"cpu":       m.each(m.cpu.Total()),
				"p99":       m.delay(m.report.P99),
				"busy":      m.busy(),
			}, err
		},
	}
}
