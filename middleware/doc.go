// Package middleware holds middleware, which runs when a stream opens: see
// [core.Middleware]. Each works for every kind of endpoint, in every framework.
//
// The order in [core.GateConfig] matters, because a request that one refuses
// does not reach the next. Put [Logging] first, so that it sees the refusals of
// all others; then what is cheap, [Origin] and [Limit]; then what decides who the
// client is, [Auth] or [Tickets]; then what needs to know that, such as a second
// Limit with PerIdentity:
//
//	core.GateConfig{Middleware: []core.Middleware{
//		middleware.Logging(logger),
//		middleware.Origin(),
//		middleware.Limit(middleware.LimitConfig{PerAddress: 50, Rate: 10}),
//		middleware.Auth(middleware.AuthConfig{Cookie: "session", Check: check}),
//		middleware.Limit(middleware.LimitConfig{PerIdentity: 5, Newest: true, Streams: -1, PerAddress: -1}),
//	}}
//
// # Who may listen
//
// A browser's EventSource sends cookies, and no header fields of the page's own.
// An app with cookies uses Auth with Cookie, and Origin, without which any page
// could listen on behalf of its visitor. An app with tokens gives its pages
// Tickets for them: what stands in a URL ends up in logs, and a ticket is worth
// nothing there. Programs send the token in a header field, which needs Auth
// alone.
//
// Either way, the app says in a [Grant] who the client is, which channels it may
// have, and until when. Core holds the stream to that: whatever the endpoint
// chooses, a request adds, or a session remembers, and for events that are replayed
// as for new ones. A stream that must end earlier ends with [core.Hub.Revoke].
//
// The identity must be the same when a client changes channels with
// [core.Gate.ChangeChannels]: the middleware of that gate runs then, too. What the
// client may add is what both the stream and that request may have.
//
// # Secrets
//
// Auth and Tickets take what they find in the query out of the request's URL, so
// that nothing behind them can log it, and Logging logs no query at all. What runs
// before them, such as a framework's access log, sees the whole URL: have that one
// leave the query out.
//
// # Metrics and traces
//
// The modules metrics and tracing, below this package, are for Prometheus and
// OpenTelemetry. They observe a whole hub, see [core.Hub.Observe], so that they
// also see what happens before the gate, and cost a stream nothing. Package
// monitor is a page that shows the same live, where neither is at hand.
package middleware
