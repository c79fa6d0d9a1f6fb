//go:build linux

package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// Of throttled: events come at some 22 KB/s on the wire.
const (
	throttledRate  = 100
	throttledSize  = 195
	throttledKeys  = 10
	throttledBytes = 5000 // a second, that a client reads
)

// throttled measures what clients get that read more slowly than events come,
// where of each key only the latest event counts.
func throttled(e Env) Scenario {
	clients := e.clients(200)
	// What waits in the kernel takes its time to fill up.
	seconds := 3 * e.Seconds
	events := int(throttledRate * seconds)
	return Scenario{
		Name:     "throttled",
		Title:    "Throttled clients",
		Conflate: true,
		About: fmt.Sprintf("%d events a second of %d keys, 22 KB/s, to %d clients that read %d KB/s each, for %g s, in a "+
			"channel that conflates: how old events are on arrival, how many of the %d were left out for a client, whether "+
			"it has the latest of every key once it reads on at full speed, and what the kernel holds for a client.",
			throttledRate, throttledKeys, clients, throttledBytes/1000, seconds, events),
		Metrics: []Metric{
			{
				Key: "p50", Label: "age p50", Unit: "s", Digits: 2, Compared: true, Beyond: []string{"p99", "max"},
				Plot: "Age of events on arrival, s (22 KB/s to " + count(clients) + " clients that read 5 KB/s)",
			},
			{Key: "p99", Label: "p99", Unit: "s", Digits: 2},
			{Key: "max", Label: "max", Unit: "s", Digits: 2},
			{Key: "first", Label: "p50 of first third", Unit: "s", Digits: 2},
			{Key: "last", Label: "p50 of last third", Unit: "s", Digits: 2},
			{Key: "left", Label: "left out", Unit: "events per client", More: true},
			{Key: "latest", Label: "have the latest", Unit: "%", Digits: 1, More: true},
			{Key: "queue", Label: "send queue at the end", Unit: "KB per client"},
			{Key: "queueMax", Label: "send queue at most", Unit: "KB per client"},
			{Key: "kernel", Label: "kernel memory at most", Unit: "KB per client", Compared: true},
			{Key: "peers", Label: "at the clients' ends", Unit: "KB per client"},
			{Key: "cpu", Label: "CPU per delivery", Unit: "µs"},
			lostMetric(),
		},
		Run: func(name string) (Values, error) {
			p, err := e.start(name, contender.Config{Channels: 1, Keys: throttledKeys})
			if err != nil {
				return nil, err
			}
			defer p.close()
			if _, err = p.connect(load.Command{Clients: clients, Rate: throttledBytes, Keys: throttledKeys}); err != nil {
				return nil, err
			}
			return p.throttled(wire.Order{
				Rate: throttledRate, Events: events, Size: throttledSize, Channels: 1, Grace: 2 * time.Second,
			}, clients)
		},
	}
}

func (p *pair) throttled(o wire.Order, clients int) (Values, error) {
	before, err := proc.Usage(p.server.PID())
	if err != nil {
		return nil, err
	}
	third := time.Duration(float64(o.Events) / o.Rate * 1e9 / 3)
	published := p.publishing(o)
	var held holdings // of the kernel
	var during load.Report
	for range 3 {
		if err = p.hold(&held, third); err != nil {
			return nil, err
		}
		if during, err = p.load.Do(load.Command{Do: "mark"}); err != nil {
			return nil, err
		}
	}
	after, err := proc.Usage(p.server.PID())
	if err != nil {
		return nil, err
	}
	end := <-published
	if end.err != nil || end.done.Error != "" {
		return nil, errors.Join(end.err, fmt.Errorf("publish: %+v", end.done))
	}
	if _, err = p.load.Do(load.Command{Do: "release"}); err != nil {
		return nil, err
	}
	n := end.done.Published
	all, err := p.load.Do(load.Command{Do: "wait", Seq: int64(n), Quiet: 5 * quiet, Timeout: 30 * time.Second})
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(clients) }
	m := measurement{report: during, cpu: after.Sub(before)}
	return Values{
		"p50":      m.delay(during.P50) / 1e3,
		"p99":      m.delay(during.P99) / 1e3,
		"max":      m.delay(during.Max) / 1e3,
		"first":    m.delay(during.Parts[0]) / 1e3,
		"last":     m.delay(during.Parts[2]) / 1e3,
		"left":     float64(n) - float64(all.Events)/float64(clients),
		"latest":   100 * float64(all.Latest) / float64(clients*throttledKeys),
		"queue":    each(held.last.Sent),
		"queueMax": each(held.most.Sent),
		"kernel":   each(held.most.Memory),
		"peers":    each(held.most.Peers),
		"cpu":      m.each(m.cpu.Total()),
		"lost":     float64(all.Disconnected),
	}, err
}

// outcome is what became of an order.
type outcome struct {
	done wire.Done
	err  error
}

// publishing has an order carried out while other things are done. The server
// takes no other order until the outcome is there.
func (p *pair) publishing(o wire.Order) <-chan outcome {
	result := make(chan outcome, 1)
	go func() {
		done, err := p.server.Publish(o)
		result <- outcome{done, err}
	}()
	return result
}

// holdings are what the kernel holds for a server's connections: in the end,
// and at most.
type holdings struct {
	last, most proc.Sockets
}

// hold looks at what the kernel holds, several times a second, for some time.
func (p *pair) hold(h *holdings, d time.Duration) error {
	addr, err := netip.ParseAddrPort(p.server.Addr())
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	tick := time.NewTicker(min(200*time.Millisecond, d/2))
	defer tick.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-end.C:
			over = true
		}
		s, err := proc.SocketsOf(int(addr.Port()))
		if err != nil {
			return err
		}
		h.last = s
		h.most.Sent = max(h.most.Sent, s.Sent)
		h.most.Memory = max(h.most.Memory, s.Memory)
		h.most.Peers = max(h.most.Peers, s.Peers)
	}
	return nil
}
