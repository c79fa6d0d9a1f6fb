// Package core is the part of Tidings that does not depend on a web framework:
// the event encoder and decoder, streams and the gate that opens them, the hub
// with its channels and its replay store, and a handler for plain net/http.
//
// There are two kinds of endpoint. In a stream, your code drives: a [Handler]
// runs in a goroutine of its own, sends events, and returns. In a subscription,
// the [Hub] drives: the endpoint names channels, and every subscriber receives
// the events that are published to them, in one order, also after it lost its
// connection.
//
// The packages ginsse and fibersse attach both kinds to Gin and to Fiber.
//
// # Overview
//
//   - Publishing: [Hub.Publish], with the options [Only], for an [Audience], and
//     [Once], for an idempotency key; several events together with
//     [Hub.PublishBatch]; values of one type with a [Topic].
//   - Endpoints: a [Gate] makes them, and holds what they have in common; a
//     [Middleware] decides which requests may pass.
//   - Events of a subscriber: a [Subscription] selects channels and a start,
//     [Stream.Join] and [Handshake.SetFilter] select among their events,
//     [Stream.ChangeChannels] changes the channels of an open stream.
//   - Permissions: [Stream.Restrict] bounds the channels of a stream,
//     [Stream.SetExpiry] and [Hub.Revoke] end streams.
//   - Presence: [Hub.Streams], [Hub.Count], [Stream.Info], and the hooks of
//     [HubConfig].
//   - History: a [Store] keeps events for as long as its [Retention] says;
//     [Hub.History] reads it, [Hub.Forget] drops a channel's.
//   - Slow subscribers: a [SlowPolicy], by channel, in [ChannelConfig].
//   - Measurements: [Hub.Stats], [Hub.Lag], and an [Observer] for what needs
//     times: package middleware/metrics has it for Prometheus.
//   - Shutdown: [Hub.Drain] in order, [Hub.Close] at once.
//
// # Resuming
//
// Every published event has an ID, and all IDs of a hub have one order. A
// browser that lost its connection reconnects by itself and sends the last ID
// that it received, in the header field Last-Event-ID; the query parameter
// lastEventId does the same. The client then receives exactly the events that it
// missed, on all of its channels, and continues live. A client that begins live
// is sent its position at once, so that it can also resume if its connection is
// lost before the first event.
//
// If events after that ID are gone, the client first receives an event with the
// name [ResetEvent], and then continues from the subscription's [Start]:
//
//	event: reset
//	data: {"reason":"trimmed","oldest":"2k8x1m9q-17","newest":"2k8x1m9q-941"}
//
// A page should then load its state anew. The reason is one of [GapReason]:
// trimmed, restarted or unknown, or skipped for a subscriber that was too slow.
//
// A page that shows a state and follows its changes loads the state with
// [LoadState], and opens the stream with the ID that comes with it: nothing is
// lost between the two. Package browser has a script for pages that does so.
//
// The [Retention] of the store bounds how much history is kept. The [Start] of a
// gate or a subscription says where a client without an ID begins: [Live],
// [Earliest], [Last] or [Snapshot]. A [MemoryStore] keeps history for the
// lifetime of the process; package boltstore keeps it in a file, so that clients
// resume after a restart.
//
// An ID is no secret, and of the client's claim only the form is checked: a
// client that makes up an ID reads all that is kept on its channels. To withhold
// events from it, use another channel, an audience or a filter.
//
// The example Resume shows both: a client that resumes, and one that receives a
// reset.
//
// # Dialects and formats
//
// Clients differ in what they make of an event stream, and some read no event
// stream at all. A [Dialect] of a gate says what stands on the wire for them; the
// zero value suits browsers. [NodeEventSource], [AISDK], [TanStackAI] and [AGUI]
// are for clients from npm, and examples/internal/npmclients tests each against
// its client:
//
//	gate := core.NewGate(hub, core.GateConfig{
//		Dialects: []core.Dialect{core.AISDK(), {Format: core.JSONLines, Envelope: true}, {Format: core.JSONArray}},
//	})
//
// A dialect is chosen at the gate, not by the endpoint, because it belongs to the
// clients, as heartbeat and reconnection time do, which stand beside it; a hub may
// have a gate for each kind of client. What a client reads is then the same
// everywhere: events sent live, replayed or by a handler, greetings, positions,
// resets, heartbeats and the end.
//
// With [JSONLines] and [JSONArray], the same endpoint also serves clients that ask
// for application/x-ndjson or application/json in Accept: programs, curl with jq, a
// page with fetch. They get one value for each event, as soon as it is sent, and a
// client that leaves ends the handler. Data that is JSON is embedded, other data is
// a string; with Text, all data is. The array's bracket, and a dialect's Last, is
// sent only if the stream ended in order. With Envelope, lines carry IDs, and a
// client resumes with Last-Event-ID, as one of an event stream does. A
// subscription offers no array, for it has no end. A request that is refused gets a
// status, never a short stream.
//
// Node's fetch takes a connection that was cut for a body that is complete if the
// response says Connection: close, as those of subscriptions over HTTP/1 and all
// streams of Fiber do: let such a client look for an end of its protocol, such as
// Last. And fetch-event-source remembers an ID one byte before it hands out the
// event; the script in examples/internal/npmclients shows how to exclude the loss.
//
// # Audiences
//
// An event can be restricted to an [Audience] among the subscribers of its
// channel: the streams in a group, which a stream joins and leaves at any time
// ([Stream.Join], [Stream.Leave]); the streams of an identity, on all of a
// user's devices ([Stream.SetIdentity]); or a single stream. Channel,
// audience and filter ([Handshake.SetFilter]) must all admit an event, whether
// it is live or replayed.
//
// # Presence
//
// [Hub.Streams] returns the open streams of a channel, [Hub.Count] their number,
// and [Stream.Info] describes one. [Hub.CloseIdentity], [Hub.CloseChannel] and
// [Stream.CloseWith] end streams. The hooks OnJoin and OnLeave of [HubConfig]
// are called when a stream joins or leaves a channel. A hook that publishes
// makes each new stream cost one event to every subscriber: bound the streams of
// a client with Limit of package middleware.
//
// # Permissions
//
// A [Middleware] decides who a client is; package middleware has some that ask
// for a token or a ticket. [Stream.SetIdentity] says whose the stream is,
// [Stream.Restrict] which channels it may have. This applies to the channels of
// the endpoint, of a request to change channels, and of a session. A stream whose
// rights shrink loses the channels at once, also during a replay.
// [Stream.SetExpiry] ends it in time, and [Hub.Revoke] ends all streams of an
// identity and refuses new ones. The client is told by a [ClosedEvent].
//
// # Changing channels
//
// A browser opens at most six HTTP/1.1 connections to a host, counting all tabs.
// A page therefore keeps one stream, and changes its channels with requests to
// the endpoint of [Gate.ChangeChannels]:
//
//	fetch("/channels", {
//		method: "POST",
//		headers: {"Content-Type": "application/json"},
//		body: JSON.stringify({stream: id, add: ["table 4"], remove: ["lobby"]}),
//	})
//
// The program does the same with [Stream.AddChannels] and
// [Stream.RemoveChannels]. Once the call has returned, or the request was
// answered, events that are published to an added channel reach the stream, and
// events that are published to a removed channel do not.
//
// With a SessionKey in its [Subscription], a client that lost its connection
// resumes on the channels that its stream had. [Stream.PrivateChannel] makes a
// channel with a name that cannot be guessed, which is gone with its last
// stream.
//
// The ID of a stream authorizes changes of its channels: send it to the stream's
// own client only. See [Stream.ID].
//
// # Slow subscribers
//
// Publish never waits for a subscriber. What happens to one that is too slow
// depends on the [SlowPolicy] of the channel:
//
//	          its next event has left           its client takes no bytes
//	          the channel's ring
//	Evict     it is disconnected, and resumes   it is disconnected after the
//	          from history on reconnection      gate's WriteTimeout (10 s)
//	Skip      it receives a reset: "skipped",   it is kept for the channel's
//	          the channel, the range left out;  StallTimeout (2 min)
//	          other channels lose nothing
//	Conflate  as with Skip, but only if there   as with Skip
//	          are more keys than the ring
//	          holds; else it receives the
//	          latest event of each key
//
// Evict is the default. A ring holds 1,024 events or 1 MiB, unless [HubConfig]
// or [ChannelConfig] says otherwise.
//
// Which client takes no bytes depends on the kernel, which by itself accepts
// megabytes for a client that reads nothing. MaxUnsent of [GateConfig] bounds
// that to 16 KiB. As a consequence, clients that read a quarter of what a
// conflating channel offers receive events that are 3 seconds old, and not ever
// older ones: "go run . -scenario throttled" in examples/bench measures it.
//
// # Memory
//
// Memory is bounded in bytes, and gives way in this order:
//
//   - Each channel: what is over RingEvents and RingBytes of [HubConfig] leaves
//     the ring, and what is over [Retention] leaves history, the oldest event
//     first. Where the policy is [Conflate], superseded events go before others.
//   - All rings, over TotalRingBytes: channels without a subscriber, the one that
//     was longest without an event first; then the older halves of the largest
//     rings. History is not affected.
//   - All history, over TotalBytes of [Retention]: the oldest event of all,
//     whatever its channel. A channel without an event for Idle is forgotten.
//   - All channels, over MaxChannels: channels without a subscriber. Where all
//     have one, a further subscription is refused with [ErrTooManyChannels].
//   - Each stream holds at most a page of history, of PageBytes, and one event or
//     batch. A snapshot of any size is sent page by page.
//
// "go test ./core -run Heap -v" measures the heap: with 10,000 channels, and
// with 1,000 clients that take nothing of a flood of events or of a large
// snapshot, it stays within these bounds.
//
// # Connections
//
// A subscription over HTTP/1.1 or HTTP/1.0 takes its connection over from the
// server. On Linux, over plain TCP, one of a few goroutines then writes to it
// without blocking: a client that waits costs about 2 KB and no goroutine. Over
// TLS and on other systems, the connection has a goroutine of its own.
//
// Over HTTP/1.1, each event is a chunk of the body, or shares one with others: a
// client, or a proxy, tells a connection that was cut from a stream that ended.
// Over HTTP/1.0, the body ends with the connection.
//
// Over HTTP/2, and where a middleware wraps the response writer so that it
// cannot be hijacked, a subscription is a response like any other, in the
// goroutine of its request. The same goes for the stream of a [Handler] and for
// subscriptions of a gate whose Conn is [ResponseConn]. Such a response costs
// about what a plain net/http handler with a channel per client does: the
// contenders "-stream" in examples/bench show it. To bound what the kernel holds
// for its client, set ConnContext of the [http.Server] to [ConnContext].
//
// Either way, a stream outlives the ReadTimeout, WriteTimeout and IdleTimeout of
// the server, and a client that leaves is noticed at once, before the next
// heartbeat. A client that vanishes without a trace is noticed when it takes
// nothing for WriteTimeout of [GateConfig], or on Linux acknowledges nothing for
// one and a half times as long.
//
// # Deployment
//
// Proxies: each stream has the header fields "X-Accel-Buffering: no", so that
// nginx passes events on at once, and "Cache-Control: no-cache, no-transform",
// which keeps caches out, and compression by proxies that heed it. The timeout of
// a proxy (proxy_read_timeout in nginx) must be longer than the gate's Heartbeat
// of 15 s. nginx with gzip_types text/event-stream compresses streams all the
// same, without harm. Unless proxy_http_version says 1.1, nginx speaks HTTP/1.0 to
// the server behind it, which costs the server no more; but if a connection
// between them is cut, clients of nginx see a stream that ended, perhaps within an
// event.
//
// Middleware of the framework: compression, ETag, caching and timeouts wrap or
// collect responses, which holds events back. Leave them out on the routes of
// streams. A response writer that cannot be flushed is answered with 500; one
// that hides deadlines is logged as a warning, because the server's timeouts
// then end the stream.
//
// HTTP/2: serve it, or use one stream for several channels, because of the six
// connections that a browser opens over HTTP/1.1.
//
// Shutdown: a load balancer must notice first, then clients are told when to come
// back, then the server ends. With a DrainDelay of 5 s in [HubConfig], after
// SIGTERM:
//
//	grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
//	defer cancel()
//	_ = hub.Drain(grace)       // Ready is false; 5 s pass; streams end, spread over 15 s
//	_ = server.Shutdown(grace) // other requests end; in Fiber: app.ShutdownWithContext
//	_ = hub.Close()            // the history is closed
//
// While the hub drains, a browser that comes back is sent away for some seconds
// with status 200, because any other ends its EventSource: see [Refusal]. The
// Shutdown of an [http.Server] and of a Fiber app ends open streams without Drain,
// too, all at once, and does not hang.
//
// Kubernetes: let the probe ask [Readiness], and leave more time than DrainDelay,
// the streams and the server take together. A preStop sleep is needed only
// without DrainDelay, for a pod gets requests for some seconds after SIGTERM:
//
//	terminationGracePeriodSeconds: 40 # in the pod's spec
//	readinessProbe: # in the container's
//	  httpGet: {path: /ready, port: 8080}
//	  periodSeconds: 2
//	  failureThreshold: 1
//
// systemd sends SIGTERM by default, and SIGKILL after TimeoutStopSec:
//
//	[Service]
//	ExecStart=/usr/local/bin/app
//	TimeoutStopSec=40
//	Restart=always
//
// With a .socket unit, and [net.FileListener] of descriptor 3 in the app, clients
// that come back between two processes wait for the next one.
//
// One bare process needs no DrainDelay. Without a proxy, browsers come back by
// themselves, since a refused connection does not end an EventSource. A proxy's
// 502 does. nginx can answer so that it does not:
//
//	location /events {
//		proxy_pass http://app;
//		error_page 502 503 504 =200 @retry;
//	}
//	location @retry {
//		default_type text/event-stream;
//		return 200 "retry: 5000\n\n";
//	}
//
// Several processes behind nginx: once it could not reach one, it asks that one no
// more for 10 s, and answers 502 if the next is restarted meanwhile. Restart them
// later than that after each other, or put max_fails=0 behind each server of the
// upstream. haproxy hears that a client has left with "option abortonclose" only.
// Package doctor finds what a proxy does to streams.
//
// Processes: one hub serves one process, with history of its own. Do not use
// Prefork of Fiber.
//
// Section numbers in this documentation are those of the WHATWG HTML standard,
// section 9.2, server-sent events.
package core
