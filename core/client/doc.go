// Package client is an EventSource for Go programs: it reads server-sent events
// from any server, as section 9.2 of the WHATWG HTML standard has a browser
// read them, and reconnects by itself when it loses its connection.
//
//	c, err := client.New(client.Config{
//		URL:         "https://example.com/clock",
//		IdleTimeout: 45 * time.Second,       // three heartbeats of Tidings
//		RetryStatus: client.TemporaryStatus, // reconnect after a 503, too
//	})
//	…
//	for ev, err := range c.Events(ctx) {
//		if err != nil {
//			return err // the reason for which the client gave up
//		}
//		fmt.Println(ev.LastEventID, ev.Name, ev.Data)
//	}
//
// [Client.Run] does the same with [Handlers] instead of a loop. Both do all the
// work in the caller's goroutine and start no other; when they return, the
// response is closed.
//
//   - Values instead of text: [Decode] for a loop, [Typed] for a handler.
//   - A token that expires: Config.BeforeRequest sets a new one for each attempt,
//     and [Client.Restart] reconnects with it.
//   - Streams that end with "[DONE]", as language models send them: OneShot and
//     Terminator of [Config].
//   - Resuming in the next run of the program: [Client.LastEventID].
//
// The client passes the contract tests for SSE clients with its defaults:
// examples/bench/clients shows how to run them, and compares its speed with that
// of other clients. In a terminal, "go run ./examples/client URL" prints the
// events of a stream, with -json one JSON object for each.
//
// # Reconnecting
//
// After the end of a stream, and after every network error, the client connects
// again and asks for the events after the last event ID. It gives up, with an
// [*Error], where the standard requires it: after a response that is not 200 or
// not text/event-stream. A 204 ends the run without an error. A program that must
// outlive restarts of its server, or of a proxy, sets RetryStatus:
// [TemporaryStatus]; a draining server of Tidings answers 503 with a Retry-After,
// and the client waits for that time.
//
// A server can ask for a delay between 500 ms and 1 h, unless [Backoff] says
// otherwise: it can make the client neither ask without a pause nor wait for
// years.
// Streams that end at once, again and again, make the delay grow, even if each
// brings an event.
//
// The client also gives up if a line or an event is over its limit, since the
// server would send the same again; if a limit of [Backoff] is reached; and if
// [Handlers].Error returns an error.
//
// # Event IDs that cannot be sent
//
// Any ID of an event becomes the last event ID, as the standard requires, and
// [Event].LastEventID shows it. Not every ID can be sent back, however: a header
// field takes no control characters, loses spaces at its ends, and few servers
// accept long ones. The client does not send an ID that is longer than 8 KiB (in
// a query parameter, after escaping). Without a query parameter, it does not
// send one with control characters, or of nothing but spaces, either. The next
// request then has no ID, and [Reconnect].Dropped is the ID. The same happens
// after a 400, 414 or 431 to a request with an ID: the client tries once without
// it, whatever RetryStatus says, unless [Handlers].Error returns an error. A
// server thus cannot lock the client out with an ID.
//
// The next stream then begins as for a new client. A program that keeps a state
// should load it anew.
//
// # Servers of Tidings
//
// If the events after the last event ID are gone, Tidings first sends an event
// named [core.ResetEvent]. To this package it is an event like any other; a
// program that keeps a state should then load it anew:
//
//	Named: map[string]func(client.Event){core.ResetEvent: func(client.Event) { reload() }},
//
// # Secrets
//
// The client follows redirects. A request to another host, port or scheme has
// the header fields Accept, Accept-Language, Cache-Control, Content-Type,
// Content-Encoding, Last-Event-ID and User-Agent only: net/http would withhold
// Authorization and Cookie, but send an API key in a field of its own, and a
// Referer with the query. HTTPS on the same host counts as the same. A redirect
// with 307 or 308 repeats the body; HTTPClient.CheckRedirect can forbid it.
// Errors contain the scheme and the host of a URL, and neither path, query nor
// userinfo. Certificates are verified, unless the HTTPClient is configured
// otherwise.
//
// # Other servers
//
// Each server ran as its own documentation shows; "go test ./clients" in
// examples/bench repeats it. "Resumes" means that a client that lost its
// connection receives the events that it missed, and none twice. Where the last
// event comes again, it has the ID that [Client.LastEventID] returns in
// Handlers.Open.
//
//	server                          events, names, ids   head at once   resumes
//	Tidings in Gin and Fiber        yes                  yes            yes
//	r3labs/sse v2.10, SplitData     yes                  yes            last event again
//	tmaxmax/go-sse v0.11            yes                  with an event  yes
//	launchdarkly/eventsource v1.11  yes                  yes            last event again
//	gin-contrib/sse v1.1            yes                  yes            up to the handler
package client
