package metrics

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidings-go/tidings/core"
)

// Config configures a [Collector]. The zero value is ready to use.
type Config struct {
	// Labels are added to every metric: where a process has several hubs, they
	// must tell them apart. Default: none.
	Labels prometheus.Labels
	// Channels are the names of channels whose streams are counted by channel.
	// Each is one time series. Default: none.
	Channels []string
}

// Collector measures one hub, as a [prometheus.Collector]. It is safe for
// concurrent use.
type Collector struct {
	hub      *core.Hub
	channels []string
	stop     func()

	counts counts
	// Times, taken by an observer of the hub
	open, life, delay prometheus.Histogram
	store             *prometheus.HistogramVec
	storeErrors       *prometheus.CounterVec
}

var _ prometheus.Collector = (*Collector)(nil)

// New returns a collector for a hub, to be registered. It observes the hub until
// Close. It panics if hub is nil.
func New(hub *core.Hub, cfg Config) *Collector {
	c := &Collector{hub: hub, channels: slices.Clone(cfg.Channels), counts: newCounts(cfg.Labels)}
	histogram := func(name, help string, buckets ...float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: cfg.Labels, Buckets: buckets}
	}
	c.open = prometheus.NewHistogram(histogram("tidings_stream_open_seconds",
		"Time from the request until the stream opened.",
		.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	c.life = prometheus.NewHistogram(histogram("tidings_stream_duration_seconds",
		"Time from the request for a stream until its end.",
		.1, 1, 5, 15, 60, 300, 900, 1800, 3600, 2*3600, 4*3600, 8*3600, 16*3600, 24*3600))
	c.delay = prometheus.NewHistogram(histogram("tidings_delivery_delay_seconds",
		"Time from when the store took an event until it was written to a client, of a sample of the deliveries.",
		.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60))
	c.store = prometheus.NewHistogramVec(histogram("tidings_store_duration_seconds",
		"Time of one call of the store.",
		.000001, .00001, .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10), []string{"op"})
	c.storeErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidings_store_errors_total", Help: "Calls of the store that failed.", ConstLabels: cfg.Labels,
	}, []string{"op"})
	for _, op := range []string{"append", "read", "resolve", "bounds"} {
		c.store.WithLabelValues(op)
		c.storeErrors.WithLabelValues(op)
	}
	c.stop = hub.Observe(core.Observer{
		Opened: func(_ *core.Handshake, took time.Duration) { c.open.Observe(took.Seconds()) },
		Closed: func(_ *core.Stream, sum core.Summary) { c.life.Observe(sum.Duration.Seconds()) },
		Delivered: func(d core.Delivered) {
			if d.Sampled {
				c.delay.Observe(d.Took.Seconds())
			}
		},
		Stored: c.stored,
	})
	return c
}

// Close ends the observation: counts go on, times do not. It is idempotent.
func (c *Collector) Close() { c.stop() }

// stored records a call of the store. What a client or the app caused is no
// failure of the store.
func (c *Collector) stored(op string, took time.Duration, err error) {
	c.store.WithLabelValues(op).Observe(took.Seconds())
	if err == nil || errors.As(err, new(*core.GapError)) {
		return
	}
	for _, usual := range []error{
		core.ErrUnknownID, core.ErrHubClosed, core.ErrTooLarge, context.Canceled, core.ErrClientGone, core.ErrClosed,
	} {
		if errors.Is(err, usual) {
			return
		}
	}
	c.storeErrors.WithLabelValues(op).Inc()
}

// times returns the metrics that keep themselves.
func (c *Collector) times() []prometheus.Collector {
	return []prometheus.Collector{c.open, c.life, c.delay, c.store, c.storeErrors}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range c.counts.all() {
		to <- desc
	}
	for _, m := range c.times() {
		m.Describe(to)
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	c.counts.collect(to, c.hub.Stats(), c.hub.Lag())
	for _, name := range c.channels {
		to <- gauge(c.counts.channelStreams, c.hub.Count(name), name)
	}
	for _, m := range c.times() {
		m.Collect(to)
	}
}
