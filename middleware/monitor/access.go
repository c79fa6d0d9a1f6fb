package monitor

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// refuses returns the status and the text that a request is refused with, or 0.
func (m *Monitor) refuses(r *http.Request) (status int, why string) {
	if !m.authorise(r) {
		return http.StatusForbidden, "You may not see this monitor from here."
	}
	if err := m.sameSite.Check(r); err != nil {
		return http.StatusForbidden, "The request came from a page of another origin."
	}
	select {
	case <-m.hub.Done():
		_ = m.own.Close()
		return http.StatusServiceUnavailable, "The hub is closed."
	default:
		return 0, ""
	}
}

// admit refuses streams of the feed, as ServeHTTP refuses other requests.
func (m *Monitor) admit(h *core.Handshake) error {
	if status, why := m.refuses(h.Request()); status != 0 {
		return core.Refuse(status, why)
	}
	if len(m.own.AllStreams()) >= maxViewers {
		return core.Refuse(http.StatusTooManyRequests, "Too many viewers.")
	}
	h.Header().Set("X-Content-Type-Options", "nosniff")
	return nil
}

// isLocal reports whether a request comes from this machine, directly, and for
// a host of this machine: a name that an attacker's DNS leads here is none.
func isLocal(r *http.Request) bool {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !addr.Addr().Unmap().IsLoopback() {
		return false
	}
	if !r.ProtoAtLeast(1, 1) { // older proxies' default, and no browser's
		return false
	}
	for name := range r.Header {
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "x-forwarded"), strings.HasPrefix(lower, "x-original-"), strings.HasPrefix(lower, "cf-"):
			return false
		case lower == "forwarded", lower == "via", lower == "x-real-ip", lower == "true-client-ip", lower == "x-client-ip":
			return false
		}
	}
	return isLocalHost(r.Host)
}

// isLocalHost reports whether a Host header field names this machine.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
