// Package middleware holds middleware, which runs when a stream opens: see
// [core.Middleware]. Each works for every kind of endpoint, in every framework.
//
// The order in [core.GateConfig] matters, because a request that one refuses
// does not reach the next. Put [Logging] first, so that it sees the refusals of
// all others, and [Limit] before any middleware that is expensive.
//
// The modules metrics and tracing, below this package, are for Prometheus and
// OpenTelemetry. They observe a whole hub, see [core.Hub.Observe], so that they
// also see what happens before the gate, and cost a stream nothing.
package middleware
