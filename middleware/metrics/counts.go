package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidings-go/tidings/core"
)

// counts describes the metrics whose values the hub counts.
type counts struct {
	streams, opened, refused, closed         *prometheus.Desc
	channels, channelStreams, ringBytes      *prometheus.Desc
	published, delivered, replayed, bytes    *prometheus.Desc
	resets, drops                            *prometheus.Desc
	laggingStreams, lagMaxEvents, lagMaxSize *prometheus.Desc
}

func newCounts(constant prometheus.Labels) counts {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tidings_"+name, help, labels, constant)
	}
	return counts{
		streams:        desc("streams", "Streams that are open."),
		opened:         desc("streams_opened_total", "Streams that passed the gate."),
		refused:        desc("streams_refused_total", "Requests that got no stream.", "reason"),
		closed:         desc("streams_closed_total", "Streams that have ended.", "reason"),
		channels:       desc("channels", "Channels that have subscribers or recent events."),
		channelStreams: desc("channel_streams", "Streams that are subscribed to a channel.", "channel"),
		ringBytes:      desc("ring_bytes", "Size of the rings, which hold recent events in memory."),
		published:      desc("events_published_total", "Events published through this hub."),
		delivered:      desc("events_delivered_total", "Events sent to clients, one for each client."),
		replayed:       desc("events_replayed_total", "Events sent to clients from history."),
		bytes:          desc("sent_bytes_total", "Bytes of streams' bodies sent to clients."),
		resets:         desc("resets_total", "Clients that were told that events are gone.", "reason"),
		drops: desc("drops_total",
			"What slow subscribers missed: streams evicted, times that a stream skipped events, events conflated.", "policy"),
		laggingStreams: desc("lagging_streams", "Streams that have not been sent all events in the rings."),
		lagMaxEvents:   desc("lag_max_events", "Events that the stream that is behind most has not been sent."),
		lagMaxSize:     desc("lag_max_bytes", "Size of the events that the stream that is behind most has not been sent."),
	}
}

func (c *counts) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		c.streams, c.opened, c.refused, c.closed, c.channels, c.channelStreams, c.ringBytes, c.published, c.delivered,
		c.replayed, c.bytes, c.resets, c.drops, c.laggingStreams, c.lagMaxEvents, c.lagMaxSize,
	}
}

func (c *counts) collect(to chan<- prometheus.Metric, st core.Stats, lag core.Lag) {
	to <- gauge(c.streams, st.Streams)
	to <- gauge(c.channels, st.Channels)
	to <- gauge(c.ringBytes, st.RingBytes)
	to <- gauge(c.laggingStreams, lag.Streams)
	to <- gauge(c.lagMaxEvents, lag.Events)
	to <- gauge(c.lagMaxSize, lag.Bytes)
	to <- counter(c.opened, st.Opened)
	to <- counter(c.published, st.Published)
	to <- counter(c.delivered, st.Delivered)
	to <- counter(c.replayed, st.Replayed)
	to <- counter(c.bytes, st.SentBytes)
	to <- counter(c.drops, st.Closed["slow"], "evict")
	to <- counter(c.drops, st.Resets[core.GapSkipped], "skip")
	to <- counter(c.drops, st.Conflated, "conflate")
	byReason(to, c.refused, st.Refused, "unavailable", "rate_limited", "unauthorized", "draining", "store", "panic", "error")
	byReason(to, c.closed, st.Closed, "closed", "client_gone", "write_timeout", "slow", "draining", "lifetime", "panic", "error")
	byReason(to, c.resets, st.Resets, core.GapTrimmed, core.GapRestarted, core.GapUnknown, core.GapSkipped)
}

// byReason sends a counter for each reason. The usual ones are there from the
// beginning, so that the first increase is one.
func byReason[R ~string](to chan<- prometheus.Metric, desc *prometheus.Desc, counts map[R]uint64, usual ...R) {
	for _, reason := range usual {
		to <- counter(desc, counts[reason], string(reason))
		delete(counts, reason)
	}
	for reason, n := range counts {
		to <- counter(desc, n, string(reason))
	}
}

func counter(desc *prometheus.Desc, n uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
}

func gauge[N int | int64](desc *prometheus.Desc, n N, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
}
