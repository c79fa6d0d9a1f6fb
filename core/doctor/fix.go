package doctor

import (
	"slices"
	"strings"
)

// fixes returns what to change for a kind of finding: in the app, if there is
// no proxy, and otherwise in proxies, too. What has answered comes first.
func fixes(c Code, server string, direct bool) []Fix {
	all := []Fix{
		{"nginx", nginxLines()[c]},
		{"haproxy", haproxyLines()[c]},
		{"Apache", apacheLines()[c]},
		{"Caddy", caddyLines()[c]},
		{"Cloudflare", cloudflareLines()[c]},
	}
	if direct {
		all = nil
	}
	all = append(all, Fix{"Gin", ginLines()[c]}, Fix{"Fiber", fiberLines()[c]},
		Fix{"net/http", netHTTPLines()[c]}, Fix{"Tidings", tidingsLines()[c]})
	all = slices.DeleteFunc(all, func(f Fix) bool { return f.Line == "" })
	answers := func(f Fix) bool {
		return strings.HasPrefix(strings.ToLower(server), strings.ToLower(f.Where))
	}
	if i := slices.IndexFunc(all, answers); i > 0 {
		all = slices.Concat(all[i:i+1], all[:i], all[i+1:])
	}
	return all
}

func nginxLines() map[Code]string {
	return map[Code]string{
		Status: "error_page 502 503 504 =200 @retry;\n" +
			`location @retry { default_type text/event-stream; return 200 "retry: 5000\n\n"; }`,
		Buffering:      "proxy_buffering off; # or no proxy_ignore_headers X-Accel-Buffering",
		MissingFlush:   "proxy_buffering off; # or no proxy_ignore_headers X-Accel-Buffering",
		Compression:    "gzip off; # in the stream's location, or gzip_types without text/event-stream",
		IdleTimeout:    "proxy_read_timeout 1h;",
		Cache:          "proxy_cache off;",
		CacheControl:   "expires off; # and no add_header Cache-Control in the stream's location",
		ETag:           "proxy_hide_header ETag;",
		HTTP10:         "proxy_http_version 1.1;\nproxy_set_header Connection \"\";",
		SixConnections: "listen 443 ssl;\nhttp2 on; # before 1.25.1: listen 443 ssl http2;",
		LeaveUnnoticed: "proxy_ignore_client_abort off;",
		LastEventID:    "proxy_set_header Last-Event-ID $http_last_event_id;",
	}
}

func haproxyLines() map[Code]string {
	return map[Code]string{
		Status: "errorfile 503 /etc/haproxy/retry.http # HTTP/1.0 200 OK, " +
			"Content-Type: text/event-stream, a blank line, retry: 5000",
		Buffering:      "option http-no-delay",
		Compression:    "compression type text/html text/css application/javascript # without text/event-stream",
		IdleTimeout:    "timeout server 1h",
		Cache:          "http-request cache-use NAME unless { path_beg /events }",
		CacheControl:   "no http-response set-header or del-header Cache-Control",
		ETag:           "http-response del-header ETag",
		SixConnections: "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1",
		LeaveUnnoticed: "option abortonclose",
		LastEventID:    "no http-request del-header Last-Event-ID",
	}
}

func apacheLines() map[Code]string {
	return map[Code]string{
		Buffering:      "ProxyPass /events http://127.0.0.1:8080/events flushpackets=on",
		Compression:    `SetEnvIf Request_URI "^/events" no-gzip`,
		IdleTimeout:    "ProxyPass /events http://127.0.0.1:8080/events timeout=3600",
		Cache:          "CacheDisable /events",
		CacheControl:   "ExpiresActive Off # in the stream's Location",
		ETag:           "Header unset ETag",
		HTTP10:         "no SetEnv force-proxy-request-1.0",
		SixConnections: "Protocols h2 http/1.1",
	}
}

func caddyLines() map[Code]string {
	return map[Code]string{
		Buffering:   "reverse_proxy 127.0.0.1:8080 { flush_interval -1 }",
		Compression: "@rest not path /events\nencode @rest gzip",
		IdleTimeout: "reverse_proxy 127.0.0.1:8080 { transport http { read_timeout 0 } }",
		Cut:         "servers { timeouts { write 0 } }",
	}
}

func cloudflareLines() map[Code]string {
	return map[Code]string{Cache: "a Cache Rule for the path: Bypass cache"}
}

func ginLines() map[Code]string {
	const group = `r.GET("/events", …) before r.Use(…) of `
	return map[Code]string{
		Compression:  group + `gzip, or gzip.WithExcludedPaths([]string{"/events"})`,
		ETag:         group + "what sets an ETag",
		Buffering:    group + "what wraps, compresses, caches or times out responses",
		MissingFlush: group + "what wraps, compresses, caches or times out responses",
	}
}

func fiberLines() map[Code]string {
	const next = `Next: func(c *fiber.Ctx) bool { return c.Path() == "/events" }`
	return map[Code]string{
		Compression:  "compress.New(compress.Config{" + next + "})",
		ETag:         "etag.New(etag.Config{" + next + "})",
		Cache:        "cache.New(cache.Config{" + next + "})",
		CacheControl: "cache.New(cache.Config{" + next + "})",
		Buffering:    next + ", for etag, cache, compress and timeout",
		MissingFlush: next + ", for etag, cache, compress and timeout",
	}
}

func netHTTPLines() map[Code]string {
	return map[Code]string{
		Compression:  "leave the stream's route out of the handler that compresses",
		ETag:         "leave the stream's route out of the handler that sets the ETag",
		Cut:          "leave the stream's route out of http.TimeoutHandler, and of what ends the request's context",
		MissingFlush: "func (w *yourWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }",
	}
}

func tidingsLines() map[Code]string {
	return map[Code]string{
		IdleTimeout:    "core.GateConfig{Heartbeat: 10 * time.Second} // less than what was measured",
		SixConnections: `one stream for several channels: Subscribe("prices", "news")`,
		NoProbe:        "doctor.Endpoint(doctor.EndpointConfig{Token: token})",
	}
}
