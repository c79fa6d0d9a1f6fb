//go:build linux

// Package scenario holds what is measured: each scenario starts a server and a
// load of its own, and returns numbers.
package scenario

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/target"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// Env is what scenarios run with.
type Env struct {
	// Place is where the processes run.
	Place target.Place
	// Clients bounds the number of clients of every scenario. 0: no bound.
	Clients int
	// Seconds is how long is measured where a scenario has a duration.
	Seconds float64
	// Quick has the scenarios prepare in a hurry: their numbers mean nothing.
	Quick bool
}

// clients returns n, or the bound if that is less.
func (e Env) clients(n int) int {
	if e.Clients > 0 {
		return min(n, e.Clients)
	}
	return n
}

// Values are a scenario's numbers, by the key of their [Metric].
type Values map[string]float64

// Metric describes one of a scenario's numbers.
type Metric struct {
	Key   string
	Label string
	Unit  string
	// Digits is how many are shown after the point.
	Digits int
	// More reports whether more is better.
	More bool
	// Compared has the number shown as a multiple of the raw loop's, of
	// Tidings', and of that of the same contender before, too.
	Compared bool
	// Plot is the title of the metric's plot, if there is one.
	Plot string
	// Beside is the key of a metric that the plot names beside the value.
	Beside string
	// Beyond are the keys of metrics in the same unit, each no less than the one
	// before it, that the plot draws behind the bar.
	Beyond []string
}

// Scenario is one thing to measure.
type Scenario struct {
	Name  string
	Title string
	// About says what is done.
	About string
	// Replay reports whether it makes sense only with contenders that replay.
	Replay bool
	// Conflate reports the same of contenders that conflate.
	Conflate bool
	// Leaves reports the same of contenders that note when clients leave.
	Leaves  bool
	Metrics []Metric
	// Run measures the contender of that name.
	Run func(name string) (Values, error)
}

// All returns the scenarios, in the order of the report.
func All(e Env) []Scenario {
	return []Scenario{
		idle(e), steady(e), crowd(e), burst(e), stalled(e), throttled(e), channels(e), storm(e), joining(e), leave(e),
	}
}

// count writes a number of clients for people.
func count(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// What many scenarios share.
const (
	window         = 256 // connections that wait for their head at a time
	connectTimeout = 60 * time.Second
	quiet          = time.Second // without any event: no more will come
	drain          = 3 * time.Second
)

// hurry returns a time that a scenario takes to prepare, or a small part of it
// if it is to be quick.
func (e Env) hurry(d time.Duration) time.Duration {
	if e.Quick {
		return d / 30
	}
	return d
}

// warmUpOrder is what is published before anything is measured, at a rate that
// all contenders keep up with.
func (e Env) warmUpOrder() wire.Order {
	o := wire.Order{Rate: 20, Events: 20, Size: wire.Data, Channels: 1, Grace: 2 * time.Second}
	if e.Quick {
		o.Events = 3
	}
	return o
}

// pair is a server and a load for it.
type pair struct {
	server target.Server
	load   *target.Load
}

func (e Env) start(name string, cfg contender.Config) (*pair, error) {
	server, err := target.Start(name, cfg, e.Place)
	if err != nil {
		return nil, err
	}
	generator, err := target.StartLoad(e.Place.Cores)
	if err != nil {
		server.Close()
		return nil, err
	}
	return &pair{server: server, load: generator}, nil
}

// close ends the load first: a server's Close may wait for its clients.
func (p *pair) close() {
	p.load.Close()
	p.server.Close()
}

// connect opens streams, and fails if one of them is refused.
func (p *pair) connect(c load.Command) (load.Report, error) {
	c.Do, c.Addr = "connect", p.server.Addr()
	if c.Window == 0 {
		c.Window = window
	}
	if c.Timeout == 0 {
		c.Timeout = connectTimeout
	}
	r, err := p.load.Do(c)
	if err == nil && r.Refused > 0 {
		err = fmt.Errorf("%d of %d clients got no stream", r.Refused, c.Clients)
	}
	return r, err
}

// publish publishes, and waits until all is delivered, or nothing more comes,
// or the limit.
func (p *pair) publish(o wire.Order, deliveries int, limit time.Duration) (wire.Done, load.Report, error) {
	done, err := p.server.Publish(o)
	if err != nil {
		return done, load.Report{}, err
	}
	if done.Error != "" {
		return done, load.Report{}, fmt.Errorf("publish: %s", done.Error)
	}
	r, err := p.load.Do(load.Command{
		Do: "wait", Events: int64(deliveries), Quiet: quiet, Timeout: limit,
	})
	return done, r, err
}

// warmUp publishes so that everything has happened once, and forgets it.
func (p *pair) warmUp(o wire.Order, deliveries int) error {
	if _, _, err := p.publish(o, deliveries, 15*time.Second); err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	_, err := p.load.Do(load.Command{Do: "reset"})
	return err
}

// measurement is what an order came to.
type measurement struct {
	done    wire.Done
	report  load.Report
	cpu     proc.CPU // of the server
	loadCPU proc.CPU
	took    time.Duration
	offered int // deliveries
}

// measure has an order carried out for so many subscribers of each event.
func (p *pair) measure(o wire.Order, subscribers int) (measurement, error) {
	m := measurement{offered: o.Events * subscribers}
	server, err := proc.Usage(p.server.PID())
	if err != nil {
		return m, err
	}
	generator, err := proc.Usage(p.load.PID())
	if err != nil {
		return m, err
	}
	begin := wire.Now()
	if m.done, m.report, err = p.publish(o, m.offered, drain); err != nil {
		return m, err
	}
	// Until the last event came: what was waited for nothing does not count.
	m.took = time.Duration(m.report.Last - begin)
	if m.report.Events == 0 {
		m.took = m.done.Took
	}
	if m.cpu, err = proc.Usage(p.server.PID()); err != nil {
		return m, err
	}
	if m.loadCPU, err = proc.Usage(p.load.PID()); err != nil {
		return m, err
	}
	m.cpu, m.loadCPU = m.cpu.Sub(server), m.loadCPU.Sub(generator)
	return m, nil
}

// each returns a time per delivery in microseconds, or no number without any.
func (m measurement) each(d time.Duration) float64 {
	return float64(d) / 1e3 / float64(m.report.Events)
}

// share returns the percentage of what was offered that was delivered.
func (m measurement) share() float64 {
	return 100 * float64(m.report.Events) / float64(max(m.offered, 1))
}

// busy returns how much of its core the load took, in percent: near 100, it
// is the load that limits.
func (m measurement) busy() float64 {
	return 100 * float64(m.loadCPU.Total()) / float64(m.took)
}

// delay returns a delay in milliseconds, or no number without any event.
func (m measurement) delay(d time.Duration) float64 {
	if m.report.Events == 0 {
		return math.NaN()
	}
	return float64(d) / 1e6
}

// Metrics that several scenarios have.
func shareMetric() Metric {
	return Metric{Key: "share", Label: "delivered", Unit: "%", Digits: 1, More: true}
}

func lostMetric() Metric {
	return Metric{Key: "lost", Label: "disconnected", Unit: "clients"}
}

func busyMetric() Metric {
	return Metric{Key: "busy", Label: "load's core", Unit: "%"}
}
