// Package middleware holds what runs when a stream opens: see
// [core.Middleware]. Each works for every kind of endpoint, in every
// framework.
//
// The order in [core.GateConfig] matters, since what one of them refuses does
// not reach the next: [Logging] goes first, so that it sees the refusals of all
// others, and [Limit] before whatever costs something.
package middleware
