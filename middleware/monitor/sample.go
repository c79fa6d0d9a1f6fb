package monitor

import (
	"context"
	"math"
	"time"

	"github.com/tidings-go/tidings/core"
)

const (
	// interval is the time between two samples.
	interval = time.Second
	// samplesKept is a quarter of an hour.
	samplesKept = 900
	// samplesChannel is the channel of the monitor's own hub that has the samples.
	samplesChannel = "samples"
	// lease is how long a viewer without a stream counts after its last request.
	lease = 5 * time.Second
	// share bounds what a measurement of all streams costs: it is repeated after
	// so many times its duration at the earliest.
	share = 200
	// oldest is the age of such a measurement at most. On a busy machine, most of
	// its duration is time in which others ran.
	oldest = 5 * time.Second
)

// sample is what the charts show of one moment. Rates are per second, over the
// time since the sample before.
type sample struct {
	Time      int64    `json:"time"` // in milliseconds since 1970
	Streams   int      `json:"streams"`
	Channels  int      `json:"channels"`
	RingBytes int64    `json:"ringBytes"`
	Published float64  `json:"published"`
	Delivered float64  `json:"delivered"`
	SentBytes float64  `json:"sentBytes"`
	Opened    float64  `json:"opened"`
	Refused   float64  `json:"refused"`
	Closed    float64  `json:"closed"`
	Evicted   float64  `json:"evicted"`   // streams that met the policy Evict
	Skipped   float64  `json:"skipped"`   // times that a stream skipped events
	Conflated float64  `json:"conflated"` // events that a newer one replaced
	Delay     delay    `json:"delay"`
	Lag       core.Lag `json:"lag"`
}

// watch notes that a viewer is there, and starts the sampler if it does not run.
func (m *Monitor) watch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = time.Now()
	if !m.sampling {
		m.sampling = true
		go m.run()
	}
}

// run samples until no viewer is left, or the app's hub closes.
func (m *Monitor) run() {
	stop := m.hub.Observe(core.Observer{Delivered: m.delays.observe})
	defer stop()
	m.delays.take()
	before, began := m.hub.Stats(), time.Now()
	var lag cached[core.Lag]
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-m.hub.Done():
			_ = m.own.Close()
			return
		case <-m.own.Done():
			return
		case <-tick.C:
		}
		if m.unwatched() {
			return
		}
		now, at := m.hub.Stats(), time.Now()
		s := newSample(before, now, at.Sub(began))
		s.Time, s.Delay, s.Lag = at.UnixMilli(), m.delays.take(), lag.get(at, m.hub.Lag)
		before, began = now, at
		if ev, err := core.JSONEvent("sample", s); err == nil {
			_, _ = m.own.Publish(context.Background(), samplesChannel, ev) // an error means that the hub is closed
		}
	}
}

// unwatched ends what was begun for viewers that are gone. It reports whether
// none is left: then the sampler does not run any more.
func (m *Monitor) unwatched() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for to, f := range m.follows {
		if m.own.Count(to) == 0 && time.Since(f.seen) > lease {
			f.stop()
			delete(m.follows, to)
		}
	}
	if m.own.Count(samplesChannel) > 0 || time.Since(m.seen) <= lease {
		return false
	}
	m.sampling = false
	m.streams.drop()
	m.channels.drop()
	return true
}

// newSample returns the rates between two moments.
func newSample(before, now core.Stats, elapsed time.Duration) sample {
	rate := func(from, to uint64) float64 { return math.Round(10*float64(to-from)/elapsed.Seconds()) / 10 }
	return sample{
		Streams: now.Streams, Channels: now.Channels, RingBytes: now.RingBytes,
		Published: rate(before.Published, now.Published),
		Delivered: rate(before.Delivered, now.Delivered),
		SentBytes: rate(before.SentBytes, now.SentBytes),
		Opened:    rate(before.Opened, now.Opened),
		Refused:   rate(total(before.Refused), total(now.Refused)),
		Closed:    rate(total(before.Closed), total(now.Closed)),
		Evicted:   rate(before.Closed["slow"], now.Closed["slow"]),
		Skipped:   rate(before.Resets[core.GapSkipped], now.Resets[core.GapSkipped]),
		Conflated: rate(before.Conflated, now.Conflated),
	}
}

func total(counts map[string]uint64) (n uint64) {
	for _, count := range counts {
		n += count
	}
	return n
}
