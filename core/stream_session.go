package core

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// noteSession stores the stream's next channels in its session at the hub,
// without the private channels that it made. The caller holds s.mu.
func (s *Stream) noteSession(next []*channel) {
	x := s.ensureRare()
	if x.sessionKey == "" {
		return
	}
	name := sessionName{s.Identity(), x.sessionKey}
	if x.inSession && x.session != name {
		return // its identity has changed since
	}
	channels := make([]remembered, 0, len(next))
	for _, c := range next {
		if !slices.Contains(x.private, c) {
			channels = append(channels, remembered{c.name, x.begins[c]})
		}
	}
	opened := 1
	if x.inSession {
		opened = 0
	}
	x.inSession, x.session = s.gate.hub.sessions.note(name, s.client(), channels, opened), name
}

// resumeSession replaces a subscription's channels with those of its session,
// if the hub knows the session: without channels that are gone, and with the
// private channels that the stream has made for itself. The error is a
// [*Refusal].
func (s *Stream) resumeSession(sub *Subscription) error {
	if sub.SessionKey == "" {
		return nil
	}
	if fault := history.NameFault(sub.SessionKey); fault != "" {
		return Refuse(http.StatusBadRequest, "No such name to remember a stream by: "+fault+".")
	}
	h := s.gate.hub
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.ensureRare()
	x.sessionKey = strings.Clone(sub.SessionKey)
	name := sessionName{s.Identity(), x.sessionKey}
	known, ok := h.sessions.reopen(name)
	if !ok {
		return nil
	}
	x.inSession, x.session = true, name
	channels := make([]string, 0, len(known))
	sub.skipThrough = make(map[string]uint64, len(known))
	for _, c := range known {
		channels = append(channels, c.name)
		sub.skipThrough[c.name] = c.floor
	}
	for _, c := range x.private {
		if slices.Contains(sub.Channels, c.name) {
			channels = append(channels, c.name)
		}
	}
	sub.fromSession, sub.Channels = true, h.there(channels)
	return nil
}

// there removes the names of private channels that are gone.
func (h *Hub) there(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return h.checkOpen(name) != nil })
}

// client returns the owner that the stream's session counts for: its identity,
// or else its network.
func (s *Stream) client() owner {
	if name := s.Identity(); name != "" {
		return owner{identity: name}
	}
	return owner{network: network(s.remote)}
}

// network returns the address that a peer, given with its port, counts as. For
// IPv6 that is the network of the first 64 bits, which a client usually has to
// itself. The result is not valid if the peer has no IP address.
func network(peer string) netip.Addr {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	const bits = 64
	prefix, _ := addr.Prefix(bits) // an address has more
	return prefix.Addr()
}
