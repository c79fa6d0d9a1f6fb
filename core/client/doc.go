// Package client is an EventSource for Go programs: it reads server-sent events
// from any server, as section 9.2 of the WHATWG HTML standard has a browser
// read them, and comes back by itself when it loses its connection.
//
//	c, err := client.New(client.Config{URL: "https://example.com/clock"})
//	…
//	for ev, err := range c.Events(ctx) {
//		if err != nil {
//			return err // why there will be no more
//		}
//		fmt.Println(ev.LastEventID, ev.Name, ev.Data)
//	}
//
// [Client.Run] does the same with [Handlers] instead of a loop. Both do all the
// work in the caller's goroutine: there is no other, and when they return, the
// response is closed.
//
// # When it comes back
//
// After the end of a stream, and after every error of the network, it connects
// again, and asks for what follows the last event ID. It gives up, with an
// [*Error], where the standard says so: for an answer that is not 200 or not
// text/event-stream. 204 is an end without an error. A program that shall
// outlive restarts of its server, or of a proxy, sets
// RetryStatus: [TemporaryStatus]; a server of Tidings that is being drained
// answers 503, with a Retry-After, which is kept to.
//
// A server can ask for a delay between 500 ms and an hour, unless [Backoff] says
// otherwise: neither "retry: 0" nor a huge number takes the client from the
// program. Streams that end at once, over and over, make the delay grow, even
// if each brings an event.
//
// It is also the end if a line or an event is over the limit, since the server
// would send the same again; if a limit of [Backoff] is reached; and if
// [Handlers].Error returns an error.
//
// # What cannot be sent back
//
// Any ID of an event becomes the last event ID, as the standard has it, and
// [Event].LastEventID shows it. To send it back is another matter: a header takes
// no control characters, loses blanks at the ends, and few servers take long
// ones. An ID cannot be sent if it is longer than 8 KiB, in a query parameter
// after escaping, or if there is no parameter and it holds control characters or
// nothing but blanks. The next attempt then asks for no ID, and
// [Reconnect].Dropped tells. It is the same if a server answers 400, 414 or 431
// to an attempt with an ID: there is one without it, whatever RetryStatus says,
// unless [Handlers].Error returns an error. If it has the same answer, that is
// judged as any other.
//
// The stream then begins where it does for new clients. A program that keeps a
// state should load it anew.
//
// # What a server of Tidings adds
//
// If what follows the last event ID is gone, Tidings sends an event named
// [core.ResetEvent] first. To this package it is an event like any other: a
// program that keeps a state should load it anew then.
//
//	Named: map[string]func(client.Event){core.ResetEvent: func(client.Event) { reload() }},
//
// # Secrets
//
// Redirects are followed. To another host, port or scheme, only Accept,
// Accept-Language, Cache-Control, the two about the body's content,
// Last-Event-ID and User-Agent go along: net/http would hold back Authorization
// and Cookie, and let an API key in a header of its own pass, as well as a
// Referer with the query. HTTPS on the same host counts as the same. A redirect
// with 307 or 308 does take the body along: HTTPClient.CheckRedirect can forbid
// it. Errors name scheme and host of a URL, and neither path, query nor
// userinfo. Certificates are verified, unless the HTTPClient says otherwise.
//
// # Servers written by others
//
// Each server ran as its own documentation shows; "go test ./clients" in
// examples/bench repeats it. "Resumes" means that a client whose connection was
// cut gets what it missed, and nothing twice. Where the last event comes again,
// it has the ID that [Client.LastEventID] returns in Handlers.Open.
//
//	server                          events, names, ids   head at once   resumes
//	Tidings in Gin and Fiber        yes                  yes            yes
//	r3labs/sse v2.10, SplitData     yes                  yes            last event again
//	tmaxmax/go-sse v0.11            yes                  with an event  yes
//	launchdarkly/eventsource v1.11  yes                  yes            last event again
//	gin-contrib/sse v1.1            yes                  yes            up to the handler
package client
