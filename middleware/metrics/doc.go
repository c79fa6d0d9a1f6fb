// Package metrics measures a hub for Prometheus: its streams, events, resets,
// slow subscribers, and its store. It works the same for streams and
// subscriptions of every framework. A stream costs it no memory, and a delivery
// next to nothing, because the hub counts anyway, and takes times of a sample.
//
//	hub := core.NewHub(core.HubConfig{})
//	prometheus.MustRegister(metrics.New(hub, metrics.Config{}))
//	r.GET("/metrics", gin.WrapH(promhttp.Handler()))                      // in Gin
//	app.Get("/metrics", adaptor.HTTPHandler(promhttp.Handler()))          // in Fiber
//
// Keep the endpoint from the public. No label holds what a client chose, and the
// number of time series is fixed; names of channels are exported only if
// [Config] lists them.
//
// # Metrics
//
//	tidings_streams                          streams that are open
//	tidings_streams_opened_total             streams that passed the gate
//	tidings_streams_refused_total            requests that got none, by reason
//	tidings_streams_closed_total             streams that have ended, by reason
//	tidings_stream_open_seconds              from the request until the stream opened
//	tidings_stream_duration_seconds          from the request until its end; buckets to 24 h
//	tidings_channels                         channels with subscribers or recent events
//	tidings_channel_streams                  streams by channel, of Config.Channels only
//	tidings_ring_bytes                       memory for recent events
//	tidings_events_published_total           events published
//	tidings_events_delivered_total           events sent, one for each client
//	tidings_events_replayed_total            those of them that came from history
//	tidings_resets_total                     clients told that events are gone, by reason
//	tidings_drops_total                      by policy: streams evicted, times that one
//	                                         skipped, events conflated
//	tidings_sent_bytes_total                 bytes of bodies sent
//	tidings_delivery_delay_seconds           from the store until an event was written,
//	                                         of a sample: see core.Delivered
//	tidings_lagging_streams                  streams that have not been sent everything
//	tidings_lag_max_events                   how many events the slowest of them is behind
//	tidings_lag_max_bytes                    how many bytes
//	tidings_store_duration_seconds           calls of the store, by operation
//	tidings_store_errors_total               those that failed
//
// The reasons are those of core.EndReason. The lag is looked up for all streams
// at each scrape, which takes about a millisecond for some thousands.
//
// # The app's own histogram of HTTP requests
//
// A stream that is sent as a response is a request that takes hours: in a
// histogram of requests' durations it drives the quantiles up. Leave streams
// out; their times are above. A middleware finds them by the response's
// Content-Type: the examples show it for Gin and Fiber. With promhttp, do not
// wrap the routes of streams.
//
// # Dashboard and alerts
//
// The file dashboard.json, beside this one, is a dashboard for Grafana, and
// alerts.yaml holds alerts for Prometheus. They are good for a start: the bounds
// that matter are your own.
package metrics
