package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ForwardedFor is the default header field in which proxies name the client
// that they forward for.
const ForwardedFor = "X-Forwarded-For"

// ClientAddress returns the address of the client that a request comes from:
// that of the network peer, unless the peer is a trusted proxy. Then it is the
// last address in the header field that is not a trusted proxy's. Addresses
// before it are the client's own claim, and are ignored.
//
// The field holds addresses separated by commas, in one or more lines, each
// with or without a port: X-Forwarded-For, which is the default for an empty
// name, or a field with one address such as X-Real-Ip. The proxy must append to
// the field or set it; otherwise the client can write it. If an element is not
// an address, ClientAddress returns the address of the proxy that passed it on.
//
// An IPv4 address that is mapped into IPv6 is returned as IPv4, and no address
// has a zone. ClientAddress reports false if the peer has no IP address, as
// with a Unix socket. It is safe for concurrent use.
func ClientAddress(r *http.Request, trusted []netip.Prefix, header string) (netip.Addr, bool) {
	client, ok := parseAddress(r.RemoteAddr)
	if !ok || !trusts(trusted, client) {
		return client, ok
	}
	if header == "" {
		header = ForwardedFor
	}
	lines := r.Header.Values(header)
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			var hop string
			rest, hop, more = cutLast(rest)
			if hop = strings.TrimSpace(hop); hop == "" {
				continue // Lists may have empty elements (RFC 9110, section 5.6.1).
			}
			addr, ok := parseAddress(hop)
			if !ok {
				return client, true
			}
			client = addr
			if !trusts(trusted, client) {
				return client, true
			}
		}
	}
	return client, true
}

// cutLast splits a list before its last element, and reports whether there are
// more elements before it.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseAddress reads an address with or without a port, brackets or a zone.
func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		if port, err := netip.ParseAddrPort(text); err == nil {
			addr = port.Addr()
		} else if inner, ok := strings.CutPrefix(text, "["); ok {
			inner, ok = strings.CutSuffix(inner, "]")
			if addr, err = netip.ParseAddr(inner); err != nil || !ok || !addr.Is6() {
				return netip.Addr{}, false
			}
		} else {
			return netip.Addr{}, false
		}
	}
	return addr.Unmap().WithZone(""), true
}

// trusts reports whether the address is in one of the prefixes. It must not be
// an IPv4 address mapped into IPv6.
func trusts(trusted []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range trusted {
		if unmapped(prefix).Contains(addr) {
			return true
		}
	}
	return false
}

// unmapped returns a prefix of mapped IPv4 addresses as an IPv4 prefix, and any
// other prefix as it is.
func unmapped(prefix netip.Prefix) netip.Prefix {
	const mapped = 96
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix
}
