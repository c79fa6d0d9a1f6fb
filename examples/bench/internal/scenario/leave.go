//go:build linux

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// leave measures how soon a server knows that a client has left.
func leave(e Env) Scenario {
	clients := e.clients(10000)
	leaving := min(500, clients)
	return Scenario{
		Name:   "leave",
		Title:  "Leaving",
		Leaves: true,
		About: fmt.Sprintf("%d of %d clients close their connections, one after the other, while nothing is published: the "+
			"time until the server has ended the client's stream.", leaving, clients),
		Metrics: []Metric{
			{
				Key: "p50", Label: "p50", Unit: "ms", Digits: 2, Compared: true, Beyond: []string{"p99", "max"},
				Plot: "Time until the server has noticed that a client left, ms",
			},
			{Key: "p99", Label: "p99", Unit: "ms", Digits: 2},
			{Key: "max", Label: "max", Unit: "ms", Digits: 2},
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: 1, Leaves: true})
			if err != nil {
				return nil, err
			}
			defer p.close()
			if err = p.oneEvent(clients); err != nil {
				return nil, err
			}
			return p.leave(leaving)
		},
	}
}

// leave has clients leave, each once the server knows of the one before.
func (p *pair) leave(clients int) (Values, error) {
	var times []time.Duration
	for n := range clients {
		r, err := p.load.Do(load.Command{Do: "leave"})
		if err != nil {
			return nil, err
		}
		done, err := p.server.Publish(wire.Order{Rate: 1, Leaves: n + 1, Grace: 10 * time.Second})
		if err != nil {
			return nil, err
		}
		if done.Left == 0 {
			return nil, errors.New("the server did not notice in time that a client had left")
		}
		times = append(times, time.Duration(done.Left-r.Left))
	}
	slices.Sort(times)
	at := func(quantile float64) float64 { return float64(times[int(quantile*float64(len(times)-1))]) / 1e6 }
	return Values{"p50": at(0.5), "p99": at(0.99), "max": at(1)}, nil
}
