// Package browser has an optional companion for pages: an ES module whose
// Source is an EventSource with what a server cannot do for its pages. It needs
// no build step and has no dependency. A page that does without it uses the
// browser's EventSource.
//
// [Handler] serves it:
//
//	mux.Handle("GET /tidings.js", browser.Handler())
//	r.GET("/tidings.js", gin.WrapH(browser.Handler()))              // Gin
//	app.Get("/tidings.js", adaptor.HTTPHandler(browser.Handler()))  // Fiber, with its middleware/adaptor
//
// and a page imports it:
//
//	<script type="module">
//	  import { Source } from "/tidings.js";
//	  const prices = new Source("/stocks", { share: true });
//	  prices.addEventListener("stockupdate", e => show(JSON.parse(e.data)));
//	  prices.addEventListener("reset", e => location.reload()); // what was missed is gone
//	  prices.onstate = e => badge(e.detail.state, e.detail.role);
//	</script>
//
// tidings.d.ts, which the handler serves beside it, describes everything for
// editors and TypeScript.
//
// # What it does
//
// A browser's EventSource gives up for good after any status but 200: a proxy's
// 502 while an app restarts, the 401 of a ticket that has expired. A Source comes
// back, after its last event, at growing and random intervals. It asks for the
// status first, with a request that it ends after the head: 204 ends the source,
// Retry-After is kept, and 401 and 403 call the option renew, which gets a
// new cookie, returns a URL with a new ticket, or returns false to close the
// source. To an endpoint, that request is a stream that its client leaves at once. While the network is at fault, the
// browser comes back by itself, as the retry field says.
//
// With share, all tabs of a site use one connection: browsers open six to a host
// over HTTP/1.1. A tab leads, by a Web Lock, and passes events on by a
// BroadcastChannel, each with the ID of the one before. So each tab knows whether
// it has missed one, because it was frozen say; then it connects on its own until
// it stands where the others do. When the leading tab closes, crashes, is frozen
// or is silent for some seconds, the others go on after their last event. This
// takes events with IDs, which those of a hub have.
//
// With pauseHidden, a hidden page has no connection, and resumes when it is
// shown. With resume, a page that is reloaded goes on after its last event: for
// pages that keep what they show.
//
// # Where to begin
//
// A page that loads a state and then follows the changes must not lose what
// happens in between. LoadState of package core returns the state and the position from
// before it. The option load takes a function that gets both, shows the state and
// returns the position. The source calls it before it connects, tries again if
// it fails, and calls it anew after an event reset:
//
//	const load = async () => {
//	  const { state, lastEventId } = await (await fetch("/stocks/state")).json();
//	  show(state);
//	  return lastEventId;
//	};
//	const prices = new Source("/stocks", { load, share: true });
//
// That closes other holes, too. EventSource does not tell the ID that a stream
// begins with, before its first event: a source that begins live and is answered
// with 502 before its first event begins live again, and does not know what it
// missed. With share, a tab that joins begins with the next event, whatever the
// endpoint's start. A page that has its position otherwise, in its HTML say,
// gives it as lastEventId; with share, it then may need a connection of its own
// until the next event.
//
// # Limits
//
// Tabs that share see each other's events, so they must be of one user: those
// who use several in one browser put the user into the text that they give to
// share. Web Locks exist in secure contexts only: over plain http, but for
// localhost, each tab has its own connection. Events with the name "state" do not
// arrive. With share, IDs must differ: an event may be taken for an earlier one
// with the same ID.
package browser

import _ "embed" // for the files

// Names of the two files.
const (
	// Name is the name of the module.
	Name = "tidings.js"
	// TypesName is the name of its types.
	TypesName = "tidings.d.ts"
)

//go:embed tidings.js
var script string

//go:embed tidings.d.ts
var types string

// Script returns the module's source, for programs that do not serve it with
// [Handler].
func Script() string { return script }

// Types returns the types of the module for TypeScript.
func Types() string { return types }
