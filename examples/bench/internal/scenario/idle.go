//go:build linux

package scenario

import (
	"fmt"
	"math"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// idle measures what a connection that waits costs in memory.
func idle(e Env) Scenario {
	few := e.clients(1000)
	many := e.clients(10000)
	return Scenario{
		Name:  "idle",
		Title: "Memory per idle connection",
		About: fmt.Sprintf("%d and %d clients that have had one event each; RSS (and its anonymous part) of the server, "+
			"once it has settled, and its goroutines, less what it was with 10 clients, per client.", few, many),
		Metrics: []Metric{
			{Key: "few", Label: count(few) + " clients", Unit: "KB", Digits: 1},
			{
				Key: "many", Label: count(many) + " clients", Unit: "KB", Digits: 1, Compared: true,
				Plot: "Memory per idle connection, KB (RSS, " + count(many) + " clients)",
			},
			{Key: "anon", Label: "anonymous", Unit: "KB", Digits: 1},
			{Key: "goroutines", Label: "goroutines", Unit: "per client", Digits: 2},
		},
		Run: func(name string) (Values, error) {
			low, err := idleUpkeep(e, name, few)
			if err != nil {
				return nil, err
			}
			high := low
			if many > few {
				if high, err = idleUpkeep(e, name, many); err != nil {
					return nil, err
				}
			}
			return Values{
				"few":  float64(low.RSS) / 1024,
				"many": float64(high.RSS) / 1024,
				"anon": float64(high.Anon) / 1024,

				"goroutines": high.goroutines,
			}, nil
		},
	}
}

// upkeep is what a client that waits costs.
type upkeep struct {
	proc.Memory

	goroutines float64 // not a number if the server is no Go program
}

// idleUpkeep returns what each of so many clients costs.
func idleUpkeep(e Env, name string, clients int) (upkeep, error) {
	settle := e.hurry(10 * time.Second)
	none := upkeep{}
	p, err := e.start(name, contender.Config{Channels: 1})
	if err != nil {
		return none, err
	}
	defer p.close()
	// What is there once, however many clients there are, is not theirs.
	const first = 10
	if err = p.oneEvent(first); err != nil {
		return none, err
	}
	before, err := p.settled(settle)
	if err != nil {
		return none, err
	}
	if err = p.oneEvent(clients); err != nil {
		return none, err
	}
	after, err := p.settled(settle)
	if err != nil {
		return none, err
	}
	return upkeep{
		Memory: proc.Memory{
			RSS:  (after.RSS - before.RSS) / int64(clients-first),
			Anon: (after.Anon - before.Anon) / int64(clients-first),
		},
		goroutines: (after.goroutines - before.goroutines) / float64(clients-first),
	}, nil
}

// settled returns what the server has once its memory has settled.
func (p *pair) settled(limit time.Duration) (upkeep, error) {
	memory, err := proc.Settled(p.server.PID(), limit)
	if err != nil {
		return upkeep{}, err
	}
	done, err := p.server.Publish(wire.Order{Rate: 1}) // nothing: the answer says it
	u := upkeep{Memory: memory, goroutines: float64(done.Goroutines)}
	if done.Goroutines == 0 {
		u.goroutines = math.NaN()
	}
	return u, err
}

// oneEvent connects so many clients, in the place of those of before, and
// sends each an event.
func (p *pair) oneEvent(clients int) error {
	if _, err := p.connect(load.Command{Clients: clients}); err != nil {
		return err
	}
	order := wire.Order{Rate: 1000, Events: 1, Size: wire.Data, Channels: 1, Grace: time.Second}
	return p.warmUp(order, clients)
}
