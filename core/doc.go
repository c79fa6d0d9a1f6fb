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
//     [Hub.PublishBatch].
//   - Endpoints: a [Gate] makes them, and holds what they have in common; a
//     [Middleware] decides which requests may pass.
//   - Events of a subscriber: a [Subscription] selects channels and a start,
//     [Stream.Join] and [Handshake.SetFilter] select among their events,
//     [Stream.ChangeChannels] changes the channels of an open stream.
//   - Presence: [Hub.Streams], [Hub.Count], [Stream.Info], and the hooks of
//     [HubConfig].
//   - History: a [Store] keeps events for as long as its [Retention] says;
//     [Hub.History] reads it.
//   - Slow subscribers: a [SlowPolicy], by channel, in [ChannelConfig].
//   - Shutdown: [Hub.Drain] in order, [Hub.Close] at once.
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
// Section numbers in this documentation are those of the WHATWG HTML standard,
// section 9.2, server-sent events.
package core
