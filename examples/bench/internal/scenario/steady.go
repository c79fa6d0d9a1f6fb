//go:build linux

package scenario

import (
	"fmt"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
)

// steady measures what a delivery costs when nobody is in a hurry.
func steady(e Env) Scenario {
	return e.fanOut("steady", "Steady stream", 20, e.clients(2000))
}

// crowd measures the same deliveries per second with more clients.
func crowd(e Env) Scenario {
	return e.fanOut("crowd", "A crowd", 4, e.clients(10000))
}

// fanOut publishes at a fixed rate to clients of one channel.
func (e Env) fanOut(name, title string, rate, clients int) Scenario {
	return Scenario{
		Name:  name,
		Title: title,
		About: fmt.Sprintf("%d events a second to %d clients for %g s; processor time of the server for each delivery, "+
			"and the delay from when an event was due to when a client has read it.", rate, clients, e.Seconds),
		Metrics: []Metric{
			{
				Key: "cpu", Label: "CPU per delivery", Unit: "µs", Digits: 2, Compared: true,
				Plot: fmt.Sprintf("Server's processor time per delivery, µs (%d events/s, %s clients)", rate, count(clients)),
			},
			{Key: "user", Label: "of that user", Unit: "µs", Digits: 2},
			{Key: "p50", Label: "p50", Unit: "ms", Digits: 1},
			{Key: "p99", Label: "p99", Unit: "ms", Digits: 1},
			shareMetric(), lostMetric(),
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
			order.Rate = float64(rate)
			order.Events = min(order.Events, 2*rate)
			if err = p.warmUp(order, order.Events*clients); err != nil {
				return nil, err
			}
			order.Events = max(int(order.Rate*e.Seconds), 1)
			m, err := p.measure(order, clients)
			return m.latencies(), err
		},
	}
}

// latencies returns the numbers of scenarios that are about single deliveries.
func (m measurement) latencies() Values {
	return Values{
		"cpu":   m.each(m.cpu.Total()),
		"user":  m.each(m.cpu.User),
		"p50":   m.delay(m.report.P50),
		"p99":   m.delay(m.report.P99),
		"share": m.share(),
		"lost":  float64(m.report.Disconnected),
	}
}

// channels measures the same with many channels of few clients each.
func channels(e Env) Scenario {
	const each, rate = 10, 1000
	names := e.clients(10000) / each
	return Scenario{
		Name:  "channels",
		Title: "Many channels",
		About: fmt.Sprintf("%d channels of %d clients each, %d events a second to channels at random for %g s.",
			names, each, rate, e.Seconds),
		Metrics: []Metric{
			{
				Key: "cpu", Label: "CPU per delivery", Unit: "µs", Digits: 2, Compared: true,
				Plot: "Server's processor time per delivery, µs (" + count(names) + " channels of 10 clients)",
			},
			{Key: "user", Label: "of that user", Unit: "µs", Digits: 2},
			{Key: "p50", Label: "p50", Unit: "ms", Digits: 2},
			{Key: "p99", Label: "p99", Unit: "ms", Digits: 2},
			shareMetric(), lostMetric(),
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: names})
			if err != nil {
				return nil, err
			}
			defer p.close()
			if _, err = p.connect(load.Command{Clients: each * names, Channels: names}); err != nil {
				return nil, err
			}
			order := e.warmUpOrder()
			order.Rate, order.Channels = rate, names
			order.Events *= 50
			if err = p.warmUp(order, order.Events*each); err != nil {
				return nil, err
			}
			order.Events = int(rate * e.Seconds)
			m, err := p.measure(order, each)
			return m.latencies(), err
		},
	}
}
