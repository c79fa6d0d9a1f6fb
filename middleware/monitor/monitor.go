package monitor

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

//go:embed static
var static embed.FS

// policy is the Content-Security-Policy of all answers: nothing from other
// origins, nothing inline, no frame around the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Monitor serves the page, its JSON and its feed. Its methods are safe for
// concurrent use.
type Monitor struct {
	hub       *core.Hub
	authorise func(*http.Request) bool
	own       *core.Hub // of the monitor's own streams, which do not count as the app's
	feed      *core.Endpoint
	sameSite  *http.CrossOriginProtection
	key       [32]byte // makes handles of stream IDs

	streams  cached[[]core.StreamInfo]
	channels cached[[]channelRow]
	delays   delays

	mu       sync.Mutex // guards the fields below
	seen     time.Time  // when a viewer last asked for something
	sampling bool       // the sampler runs
	follows  map[string]*follow
}

var _ http.Handler = (*Monitor)(nil)

// Handler returns the monitor of a hub. authorise says who may use it, for each
// request: it may read a cookie, or a header field that a proxy sets, and must
// be safe for concurrent use. If it is nil, only browsers on the same machine
// may, with a URL whose host is localhost or a loopback address; a request that
// came through a proxy is refused, as far as can be known: see the package
// documentation. Handler panics if hub is nil.
func Handler(hub *core.Hub, authorise func(*http.Request) bool) *Monitor {
	if hub == nil {
		panic("tidings: a monitor without a hub")
	}
	if authorise == nil {
		authorise = isLocal
	}
	m := &Monitor{
		hub: hub, authorise: authorise, sameSite: http.NewCrossOriginProtection(),
		own: core.NewHub(core.HubConfig{Store: core.NewMemoryStore(core.Retention{
			Events: followKept, Channels: []core.ChannelRetention{{Pattern: samplesChannel, Events: samplesKept}},
		})}),
		follows: make(map[string]*follow),
	}
	_, _ = rand.Read(m.key[:]) // it returns no error
	m.feed = core.NewGate(m.own, core.GateConfig{Middleware: []core.Middleware{m.admit}}).SubscribeFunc(m.subscribe)
	return m
}

// ServeHTTP serves the page under any path that ends in a slash, and what it
// loads beside it, by the last element of the path.
func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if status, why := m.refuses(r); status != 0 {
		http.Error(w, why, status)
		return
	}
	name := path.Base(r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/") {
		name = "index.html"
	}
	if name == "close" {
		m.serveClose(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	m.serveRead(w, r, name)
}

// serveRead answers a GET request for what has this name.
func (m *Monitor) serveRead(w http.ResponseWriter, r *http.Request, name string) {
	switch name {
	case "feed":
		m.serveFeed(w, r)
	case "samples":
		m.serveSamples(w, r)
	case "streams":
		m.serveStreams(w, r)
	case "channels":
		m.serveChannels(w, r)
	case "index.html", "monitor.css", "monitor.js", "chart.js", "table.js":
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, indexed(r, name), static, "static/"+name)
	default:
		if strings.ContainsAny(name, ".\\") || name == "/" {
			http.NotFound(w, r)
			return
		}
		// The mount path without its slash. The target is relative, so that the path
		// cannot lead to another host.
		w.Header().Set("Location", "./"+url.PathEscape(name)+"/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// indexed returns a request that ServeFileFS does not redirect: it does so for
// paths that end in index.html.
func indexed(r *http.Request, name string) *http.Request {
	plain := r.Clone(r.Context())
	plain.URL.Path = "/" + strings.TrimSuffix(name, "index.html")
	return plain
}

// serveFeed serves the feed where streams are possible. Behind an adapter that
// collects whole responses, as Fiber's, it is refused, and the page polls.
func (m *Monitor) serveFeed(w http.ResponseWriter, r *http.Request) {
	if r.Context().Value(http.ServerContextKey) == nil {
		http.Error(w, "No stream is possible here: mount the feed.", http.StatusNotImplemented)
		return
	}
	m.feed.ServeHTTP(w, r)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an error means that the client is gone
}
