//go:build linux

package scenario

import (
	"fmt"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// stalled measures what a client that does not read does to the others.
func stalled(e Env) Scenario {
	const rate, size = 50, 1000
	clients := e.clients(1000)
	return Scenario{
		Name:  "stalled",
		Title: "One stalled client",
		About: fmt.Sprintf("%d events of %d bytes a second to %d clients for %g s, without and with one among them that "+
			"reads nothing and whose socket buffers and queue are full by then: how the other clients fare.",
			rate, size, clients, e.Seconds),
		Metrics: []Metric{
			{Key: "without", Label: "p99 without", Unit: "ms", Digits: 1},
			{Key: "with", Label: "p99 with", Unit: "ms", Digits: 1},
			{Key: "ratio", Label: "with by without", Unit: "×", Digits: 2},
			{
				Key: "share", Label: "delivered with", Unit: "%", Digits: 1, More: true,
				Plot: "Share of events that reach the other clients while one is stalled, %",
			},
			lostMetric(),
			{Key: "evicted", Label: "stalled one disconnected", Unit: "clients"},
		},
		Run: func(name string) (Values, error) {
			run := func(bad int) (measurement, error) {
				p, err := e.start(name, contender.Config{Channels: 1})
				if err != nil {
					return measurement{}, err
				}
				defer p.close()
				if _, err = p.connect(load.Command{Clients: clients, Stalled: bad}); err != nil {
					return measurement{}, err
				}
				good := clients - bad
				// 250 KB, which is more than the stalled client's sockets hold.
				fill := wire.Order{Rate: rate, Events: 5 * rate, Size: size, Channels: 1, Grace: time.Second}
				if e.Quick {
					fill.Rate *= 20
				}
				done, _, err := p.publish(fill, fill.Events*good, 15*time.Second)
				if err != nil {
					return measurement{}, fmt.Errorf("fill: %w", err)
				}
				m := measurement{}
				if done.Blocked {
					return m, nil // nothing will arrive any more
				}
				if m.report, err = p.load.Do(load.Command{Do: "reset"}); err != nil {
					return m, err
				}
				before := m.report.StalledDisconnected
				order := fill
				order.Rate, order.Events = rate, int(rate*e.Seconds)
				m, err = p.measure(order, good)
				m.report.StalledDisconnected += before
				return m, err
			}
			without, err := run(0)
			if err != nil {
				return nil, err
			}
			with, err := run(1)
			p99, p99With := without.delay(without.report.P99), with.delay(with.report.P99)
			return Values{
				"without": p99,
				"with":    p99With,
				"ratio":   p99With / p99,
				"share":   with.share(),
				"lost":    float64(with.report.Disconnected),
				"evicted": float64(with.report.StalledDisconnected),
			}, err
		},
	}
}
