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
// Section numbers in this documentation are those of the WHATWG HTML standard,
// section 9.2, server-sent events.
package core
