// Package monitor is a page for operators: live charts of a hub's streams, of
// what is published and delivered, of delay, lag and drops; tables of channels
// and streams that can be searched and sorted; a channel's events as they are
// published; and a button that closes a stream. It is one [http.Handler], with
// no resource from elsewhere, and no build step:
//
//	mux.Handle("/monitor/", monitor.Handler(hub, nil))
//
// In Gin:
//
//	r.Any("/monitor/*path", gin.WrapH(monitor.Handler(hub, isOperator)))
//
// In Fiber, with its middleware/adaptor. The stream of the page has a route of
// its own, because the adaptor collects whole responses; without that line, the
// page polls:
//
//	m := monitor.Handler(hub, isOperator)
//	app.Get("/monitor/feed", fibersse.Serve(m.Feed()))
//	app.Use("/monitor", adaptor.HTTPHandler(m))
//
// The page is at the prefix with a slash at its end, here /monitor/.
//
//   - screenshot.png and dark.png show it with 5,000 streams
//   - phone.png and phone-dark.png show it on a phone
//
// # Who may see it
//
// The function that [Handler] gets decides, for every request. Without one, only
// this machine may: the connection must come from a loopback address, and the
// Host must be localhost or such an address, so that no page of another site can
// read the monitor by a name that its DNS leads here. A request that says that it
// went through a proxy, by Forwarded, X-Forwarded-…, X-Real-IP, Via or the like,
// or that speaks HTTP/1.0, is refused. A proxy on the same machine that says
// nothing, and sends a Host of its own, cannot be told from a browser: where
// there is one, give a function.
//
// Who may see the monitor may close streams, and sees addresses, identities, the
// names of channels, and the data of the channels that it follows. What it does
// not show: the ID of a stream, but for its first digits, as middleware.Logging
// logs them (the whole ID authorizes changes of its channels); private channels,
// but for their number; and what looks like a secret, in identities and in data,
// by middleware.Redact. Requests from pages of other origins are refused, see
// [http.CrossOriginProtection], and no other page can frame the page.
//
// # What it costs
//
// While nobody looks, nothing is measured, and no goroutine runs: the charts
// begin when the first viewer comes, and have a gap where there was none. A page
// in a hidden tab is no viewer. While there is one, the hub is measured once a
// second. The streams are looked at less often if that takes long, because they
// are many or the machine is busy, so that each of
// the two looks, the lag and the table, costs half a percent of a core, but
// every five seconds at least;
// what is searched and sorted is that table, and a page of it is sent. Of a
// channel that is followed, at most 20 events a second are read. The samples of
// the last 15 minutes are kept, about half a megabyte, and 100 events of
// each channel that is followed, 8 channels at most. At most 32 pages have a stream.
//
//	cd examples && go test ./internal/monitor -v -streams 5000
//
// measures it, in Chromium: on two cores that others use, too, a viewer takes 0.7 %
// of a core from the server with 5,000 streams, and 1.5 % with 9,500. The page
// itself takes 4 %, and keeps its 60 frames a second.
//
// The page is fed by Tidings itself: the samples are a channel of a hub of the
// monitor's own, so that a new page gets the last quarter of an hour, and one
// that lost its connection resumes. Its streams do not count among the app's.
// That hub closes with the app's.
//
// # JSON
//
// Scripts get the same, below the same path, with the same permission:
//
//   - samples: {"reset", "lastEventId", "events": [{"name": "sample", "data": …}]},
//     the samples after the query's lastEventId, or all. The first one comes a
//     second after the first request. feed is the same as an event stream. Data
//     has time (milliseconds since 1970), streams, channels, ringBytes, the rates
//     per second published, delivered, sentBytes, opened, refused, closed, evicted,
//     skipped and conflated, delay (samples, median, p99 and max of the hub's
//     samples, in milliseconds) and lag (see [core.Lag]). With channel=NAME, there
//     are the events of a channel, too, with the name "follow".
//   - channels: {"time", "total", "matched", "offset", "rows"}, with q (search),
//     sort (name, streams, events or bytes; with "-" before it, the largest first),
//     offset, and limit (200 at most) in the query. All private channels are one row.
//   - streams: the same, sorted by since, address, identity, channels, lag, events
//     or bytes. A row's handle names the stream to this monitor only.
//   - close: a POST with a form whose field stream is a handle ends the stream,
//     with the reason [ErrOperator]. Its client may reconnect; to keep out a user,
//     see [core.Hub.Revoke].
package monitor
