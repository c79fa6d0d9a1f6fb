// Package core is the whole of Tidings that knows nothing of a web framework:
// the event encoder and decoder, streams and the gate they open through, the
// hub with its channels and replay store, and a handler for plain net/http.
//
// There are two kinds of endpoint. In a stream, your code drives: a
// [Handler] runs in a goroutine of its own, sends, and returns. In a
// subscription, the [Hub] drives: the endpoint names channels, and what is
// published to them reaches every subscriber, in one order, also after a
// subscriber lost its connection.
//
// The packages ginsse and fibersse attach both to Gin and to Fiber.
//
// # Where things are
//
//   - Publishing: [Hub.Publish], to an [Audience] with [Hub.PublishTo], several
//     events together with [Hub.PublishBatch], once per key with
//     [Hub.PublishOnce].
//   - Endpoints: a [Gate] makes them, and holds what they have in common; a
//     [Middleware] decides who may pass.
//   - What a subscriber gets: a [Subscription] says which channels and from
//     where on, [Stream.Join] and [Stream.SetFilter] what of them,
//     [Stream.ChangeChannels] changes it while the stream is open.
//   - Who is there: [Hub.Streams], [Hub.Count], [Stream.Info], and the hooks of
//     [HubConfig].
//   - What is kept: a [Store], for as long as its [Retention] says;
//     [Hub.History] reads it.
//   - Who is too slow: a [SlowPolicy], by channel, in [ChannelConfig].
//   - The end: [Hub.Drain] in order, [Hub.Close] at once.
//
// Section numbers in this documentation are those of the WHATWG HTML standard,
// section 9.2, server-sent events.
package core
