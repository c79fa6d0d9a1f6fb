// Package tracing traces a hub with OpenTelemetry: the opening of streams, and
// the way of an event from [core.Hub.Publish] to the first clients that get it.
// It works the same for streams and subscriptions of every framework, and costs
// a stream no memory.
//
//	hub := core.NewHub(core.HubConfig{})
//	defer tracing.Observe(hub, tracing.Config{})()
//	hub.Publish(c.Request.Context(), "news", ev) // in Gin
//	hub.Publish(c.UserContext(), "news", ev)     // in Fiber
//
// # Spans
//
//   - "sse open", from the request until the stream has opened or was refused. It
//     is a child of the span in the request's context, such as that of otelgin. If
//     there is none, it begins a trace, with a link to the trace that the client
//     claims. No span lasts as long as a stream.
//   - "sse publish", for one call of Publish or PublishBatch whose context has a
//     span. The spans of a store are its children.
//   - "sse deliver", for an event of a trace that is sampled, from when the store
//     took it until it was written to the first client of a shard: there are as
//     many as the machine has processors at most, and a few more if clients lag,
//     however many clients there are. It is a child of "sse publish".
//
// An event of a sampled trace carries its trace context, as a W3C traceparent, in
// its entry: see [core.Record]. The stores of package core hand it on within the
// process. An event that is replayed from history makes no span.
//
// # Attributes
//
// Spans have messaging.system ("tidings"), messaging.operation.name,
// messaging.message.id and messaging.batch.message_count; those about requests
// have url.path, and, if they were refused, http.response.status_code and
// error.type (see [core.EndReason]). Names of channels, as
// messaging.destination.name, are left out unless [Config] asks for them. There
// is no query, no identity and no data of an event; paths and errors have passed
// Redact of package middleware.
//
// # In the browser
//
// An EventSource shows a page only the data, the name and the ID of an event: a
// trace context in a comment or a field of its own is invisible. [ToBrowser] puts
// it into the data of one event, if that is a JSON object.
package tracing
