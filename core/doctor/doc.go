// Package doctor finds what is in the way of event streams, between an app and
// its users: proxies that buffer, middleware that compresses, timeouts that
// cut. It names each, with what it measured and the line of configuration to
// change.
//
// The app mounts a probe behind the middleware and the proxies that its streams
// have:
//
//	mux.Handle("GET /doctor", doctor.Endpoint(doctor.EndpointConfig{Token: os.Getenv("PROBE_TOKEN")}))
//	r.GET("/doctor", ginsse.Serve(doctor.Endpoint(…)))    // in Gin
//	app.Get("/doctor", fibersse.Serve(doctor.Endpoint(…))) // in Fiber
//
// From anywhere else, the command asks it through the public URL; [Examine] does
// the same in a program:
//
//	TIDINGS_PROBE_TOKEN=… go run github.com/tidings-go/tidings/core/cmd/doctor@latest https://example.com/doctor
//
// It exits with 0 if nothing is in the way, with 1 if something is, and with 2
// if it could not find out; go run makes 1 of the 2, an installed command does
// not. With -json it prints a [Report]. Of an event stream without a probe it
// reports what its head and its first seconds show.
//
// # Findings
//
//   - status: an EventSource gives up after it. 502, 503 and 504 come from
//     proxies whose app is down, and need a line in the proxy that answers with
//     200 and a time to come back.
//   - redirect, content-type: most often a login page.
//   - buffering: events came together, later than they were sent. missing-flush
//     is the same without a proxy, a writer that hides Flush, and a head that
//     comes late.
//   - compression: the answer to a request like a browser's is compressed.
//   - idle-timeout: a silent stream is cut, after so many seconds. It is a note
//     if heartbeats come sooner. cut: a stream is cut while events flow.
//   - cache, cache-control, etag: an answer was given twice, or may be.
//   - http-1.0: a proxy speaks it to the app, or the server to browsers.
//   - six-connections: browsers get no HTTP/2. It is a note at an http URL.
//   - leave-unnoticed: the app does not hear of clients that leave, or only when
//     it sends something.
//   - last-event-id: the field does not reach the app.
//   - no-probe, unmeasured: what the report does not cover.
//
// Delays are differences: an event is late by what it took longer than the
// fastest one, so that clocks need not agree. A finding needs a second, three
// times, so that a busy machine is none.
package doctor
