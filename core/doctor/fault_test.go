//go:build unix

package doctor_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
)

// upstream is how nginx is told to speak to the app.
const upstream = "proxy_http_version 1.1; proxy_set_header Connection '';"

// way is a way to the probe.
type way struct {
	name string
	site string // directives of the proxy
	url  string
	want string // the codes of what is in the way
	fix  string // a line that the report says
	idle time.Duration
}

// through returns a server of nginx before the app, with some directives.
func through(app, directives string) string {
	return "server { listen LISTEN; location / { proxy_pass http://" + app + "; " + directives + " } }"
}

// secure returns the same with TLS.
func secure(app, protocol, cert, key string) string {
	site := through(app, upstream)
	return strings.Replace(site, "LISTEN;",
		"LISTEN "+protocol+"; ssl_certificate "+cert+"; ssl_certificate_key "+key+";", 1)
}

// nginxWays are faults, and what is none, of nginx.
func nginxWays(app, cert, key string) []way {
	return append(nginxHeads(app, cert, key), []way{
		{name: "as the README has it", site: through(app, upstream)},
		{name: "no buffering", site: through(app, upstream+"proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;")},
		{
			name: "buffering", want: "buffering http-1.0", fix: "proxy_buffering off;",
			site: through(app, "proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering;"),
		},
		{name: "buffering of chunks, which it passes on", site: through(app, upstream+"proxy_ignore_headers X-Accel-Buffering;")},
		{
			name: "gzip", want: "compression", fix: "gzip off;",
			site: through(app, upstream+"gzip on; gzip_types text/event-stream; gzip_min_length 0;"),
		},
		{
			name: "read timeout", want: "idle-timeout", fix: "proxy_read_timeout 1h;",
			site: through(app, upstream+"proxy_read_timeout 3s;"), idle: 6 * time.Second,
		},
		{
			name: "cache", want: "cache", fix: "proxy_cache off;",
			site: through(app, upstream+"proxy_cache kept; proxy_cache_valid 200 1m; proxy_cache_key NAME$uri; "+
				"proxy_ignore_headers X-Accel-Buffering Cache-Control;"),
		},
		{
			name: "client abort", want: "leave-unnoticed", fix: "proxy_ignore_client_abort off;",
			site: through(app, upstream+"proxy_ignore_client_abort on;"),
		},
	}...)
}

// nginxHeads are those that the head of an answer shows.
func nginxHeads(app, cert, key string) []way {
	return []way{
		{name: "HTTP/2", site: secure(app, "ssl http2", cert, key), url: "https"},
		{
			name: "all at a time", want: "buffering compression http-1.0 idle-timeout", fix: "nginx         proxy_read_timeout",
			site: through(app, "proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering; proxy_read_timeout 3s; "+
				"gzip on; gzip_types text/event-stream; gzip_proxied any;"), idle: 6 * time.Second,
		},
		{name: "HTTP/1.0", want: "http-1.0", fix: "proxy_http_version 1.1;", site: through(app, "proxy_http_version 1.0;")},
		{
			name: "ETag", want: "etag", fix: "proxy_hide_header ETag;",
			site: through(app, upstream+`add_header ETag '"1"';`),
		},
		{
			name: "expires", want: "cache-control", fix: "expires off;",
			site: through(app, upstream+"proxy_hide_header Cache-Control; expires 1h;"),
		},
		{
			name: "last event ID", want: "last-event-id", fix: "proxy_set_header Last-Event-ID",
			site: through(app, upstream+"proxy_set_header Last-Event-ID '';"),
		},
		{
			name: "no HTTP/2", want: "six-connections", fix: "http2 on;",
			site: secure(app, "ssl", cert, key), url: "https",
		},
		{name: "app down", want: "status", fix: "=200 @retry", site: through("unix:/nowhere.sock", "")},
		{
			name: "app down, as the report says", want: "cut",
			site: strings.Replace(through("unix:/nowhere.sock", "error_page 502 503 504 =200 @retry;"), "} }",
				`} location @retry { default_type text/event-stream; return 200 "retry: 5000\n\n"; } }`, 1),
		},
	}
}

// haproxyWays are faults, and what is none, of haproxy. It compresses nothing
// that says no-transform, and only what has chunks, as handlers' streams do.
func haproxyWays(chunked string) []way {
	return []way{
		{name: "as the README has it", site: "option abortonclose"},
		{
			name: "half of a chain", want: "cache-control", fix: "no http-response",
			site: "option abortonclose\n\thttp-response del-header Cache-Control\n\tserver app " + chunked,
		},
		{
			name: "compression", want: "buffering cache-control compression", fix: "compression type",
			site: "option abortonclose\n\tcompression algo gzip\n\tcompression type text/event-stream\n\tserver app SITE1",
		},
		{
			name: "timeout", want: "idle-timeout", fix: "timeout server 1h",
			site: "option abortonclose\n\ttimeout server 3s", idle: 6 * time.Second,
		},
		{name: "half-open clients", want: "leave-unnoticed", fix: "option abortonclose", site: "option http-no-delay"},
		{name: "app down", want: "status", fix: "errorfile 503", site: "server app 127.0.0.1:1 disabled"},
	}
}

// appWays are faults, and what is none, of the app's own.
func appWays(t *testing.T, app, cert, key string) []way {
	t.Helper()
	auto := probe(core.AutoConn)
	return []way{
		{name: "a subscription", url: serve(t, auto).URL},
		{name: "a handler", url: serve(t, probe(core.ResponseConn)).URL},
		{name: "HTTP/2", url: serveTLS(t, auto, cert, key)},
		{name: "gzip", want: "compression", fix: "gzip.WithExcludedPaths", url: serve(t, zipped(auto)).URL},
		{name: "no Flush", want: "missing-flush", fix: "Unwrap()", url: serve(t, unflushed(auto)).URL},
		{name: "ETag", want: "etag missing-flush", fix: "etag.New", url: serve(t, tagged(auto)).URL},
		{name: "a lifetime", want: "cut", fix: "http.TimeoutHandler", url: serve(t, hurried(auto)).URL},
		{name: "a deaf proxy", want: "leave-unnoticed", fix: "never heard of it", url: serve(t, deaf(app)).URL},
		{name: "a login page", want: "content-type", url: serve(t, login("/login")).URL},
		{name: "a login elsewhere", want: "redirect", url: serve(t, login("https://login.example/?secret=1")).URL},
		{name: "no service", want: "status", url: serve(t, http.NotFoundHandler()).URL},
	}
}

// Every fault is named, with what to change, and nothing else is.
func TestFaults(t *testing.T) {
	t.Parallel()
	cert, key, roots := certificate(t)
	app := strings.TrimPrefix(serve(t, probe(core.AutoConn)).URL, "http://")
	chunked := strings.TrimPrefix(serve(t, probe(core.ResponseConn)).URL, "http://")
	ways := map[string][]way{
		"nginx": nginxWays(app, cert, key), "haproxy": haproxyWays(chunked), "app": appWays(t, app, cert, key),
	}
	locate(ways["nginx"], nginx(t, sites(ways["nginx"])))
	locate(ways["haproxy"], haproxy(t, app, sites(ways["haproxy"])))
	var all sync.WaitGroup
	reports := make(map[string]*doctor.Report)
	var mu sync.Mutex
	for at, some := range ways {
		for _, w := range some {
			all.Go(func() {
				r := examine(t, doctor.Config{URL: w.url + "/probe", RootCAs: roots, Idle: w.idle})
				mu.Lock()
				defer mu.Unlock()
				reports[at+w.name] = r
			})
		}
	}
	all.Wait()
	for at, some := range ways {
		for _, w := range some {
			t.Run(at+", "+w.name, func(t *testing.T) {
				t.Parallel()
				w.check(t, reports[at+w.name])
			})
		}
	}
}

// check checks a report.
func (w way) check(t *testing.T, r *doctor.Report) {
	t.Helper()
	if got := codes(r); got != w.want || r.Healthy() != (w.want == "") {
		t.Errorf("findings: got %q, healthy %t, want %q", got, r.Healthy(), w.want)
	}
	if got := text(r); !strings.Contains(got, w.fix) || strings.Contains(got, "secret") {
		t.Errorf("report: got no line %q, or a secret", w.fix)
	}
	if !r.Complete {
		t.Error("report: got one that is not complete")
	}
	if t.Failed() {
		t.Log(text(r))
	}
}

func sites(ways []way) []string {
	var all []string
	for _, w := range ways {
		all = append(all, w.site)
	}
	return all
}

// locate sets the URLs of ways.
func locate(ways []way, urls []string) {
	for i, url := range urls {
		if ways[i].url == "https" {
			url = strings.Replace(url, "http:", "https:", 1)
		}
		ways[i].url = url
	}
}
