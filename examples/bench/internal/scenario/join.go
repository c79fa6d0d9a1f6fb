//go:build linux

package scenario

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// joining measures how fast clients get in.
func joining(e Env) Scenario {
	clients := e.clients(5000)
	return Scenario{
		Name:  "join",
		Title: "Joining",
		About: fmt.Sprintf("%d clients connect, %d at a time: from the connection to the response's head.",
			clients, window),
		Metrics: []Metric{
			{
				Key: "rate", Label: "joins", Unit: "1000/s", Digits: 1, More: true, Compared: true,
				Plot: "Clients that join per second, in thousands",
			},
			{Key: "cpu", Label: "CPU per join", Unit: "µs"},
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: 1})
			if err != nil {
				return nil, err
			}
			defer p.close()
			// A few first, so that everything has happened once.
			if err = p.oneEvent(10); err != nil {
				return nil, err
			}
			before, err := proc.Usage(p.server.PID())
			if err != nil {
				return nil, err
			}
			r, err := p.connect(load.Command{Clients: clients})
			if err != nil {
				return nil, err
			}
			after, err := proc.Usage(p.server.PID())
			return Values{
				"rate": float64(clients) / r.Took.Seconds() / 1e3,
				"cpu":  float64(after.Sub(before).Total()) / 1e3 / float64(clients),
			}, err
		},
	}
}

// storm measures how long it takes until everybody is back and has what was
// missed.
func storm(e Env) Scenario {
	const missed = 100
	clients := e.clients(5000)
	return Scenario{
		Name:   "storm",
		Title:  "Reconnect storm",
		Replay: true,
		About: fmt.Sprintf("%d clients lose their connection, miss %d events, and come back at once with their last "+
			"event ID: the time until all have caught up.", clients, missed),
		Metrics: []Metric{
			{
				Key: "seconds", Label: "caught up", Unit: "s", Digits: 2, Compared: true,
				Plot: "Time until " + count(clients) + " clients are back and have the 100 events that they missed, s",
			},
			{Key: "current", Label: "clients that did", Unit: "%", Digits: 1, More: true},
			{Key: "share", Label: "of the missed events", Unit: "%", Digits: 1, More: true},
			{Key: "twice", Label: "sent twice", Unit: "per client", Digits: 1},
			{Key: "peak", Label: "peak RSS", Unit: "MB"},
			{Key: "cpu", Label: "CPU per client", Unit: "µs"},
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: 1, History: true})
			if err != nil {
				return nil, err
			}
			defer p.close()
			return p.storm(e, clients, missed)
		},
	}
}

func (p *pair) storm(e Env, clients, missed int) (Values, error) {
	_, err := p.connect(load.Command{Clients: clients})
	if err != nil {
		return nil, err
	}
	order := e.warmUpOrder()
	seen := order.Events
	if err = p.warmUp(order, seen*clients); err != nil {
		return nil, err
	}
	if _, err = p.load.Do(load.Command{Do: "close"}); err != nil {
		return nil, err
	}
	order.Rate, order.Events = 200, missed
	done, err := p.server.Publish(order)
	if err != nil || done.Published < missed {
		return nil, errors.Join(err, fmt.Errorf("%d of %d events published while nobody was there", done.Published, missed))
	}
	if _, err = proc.Settled(p.server.PID(), e.hurry(3*time.Second)); err != nil {
		return nil, err
	}
	if err = proc.ResetPeak(p.server.PID()); err != nil {
		return nil, err
	}
	before, err := proc.Usage(p.server.PID())
	if err != nil {
		return nil, err
	}
	// No more at a time than the backlog of a listening socket takes.
	begin := wire.Now()
	if _, err = p.connect(load.Command{Clients: clients, Resume: true, Window: 2000}); err != nil {
		return nil, err
	}
	r, err := p.load.Do(load.Command{
		Do: "wait", Seq: int64(seen + missed), Quiet: 3 * time.Second, Timeout: 60 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	after, err := proc.Usage(p.server.PID())
	if err != nil {
		return nil, err
	}
	memory, err := proc.MemoryOf(p.server.PID())
	seconds := math.NaN()
	if r.Current == clients {
		seconds = float64(r.Last-begin) / 1e9
	}
	return Values{
		"seconds": seconds,
		"current": 100 * float64(r.Current) / float64(clients),
		"share":   100 * float64(r.Events) / float64(clients*missed),
		"twice":   float64(r.Duplicates) / float64(clients),
		"peak":    float64(memory.Peak) / (1 << 20),
		"cpu":     float64(after.Sub(before).Total()) / 1e3 / float64(clients),
	}, err
}
