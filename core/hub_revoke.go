package core

import (
	"maps"
	"strings"
	"time"
)

// Revoke ends the streams of an identity with [ErrRevoked], after a
// [ClosedEvent], and refuses new ones, replay included, with status 403, until
// the given time: when the last token for the identity has expired. The zero
// time means until Restore. It returns the number of streams that it ended.
//
// Requests to change channels are refused, too. A stream whose client takes
// no bytes ends without the event. Revocations are kept in memory,
// on this machine: package cluster keeps them in the store, for all machines.
func (h *Hub) Revoke(identity string, until time.Time) int {
	if identity == "" {
		return 0
	}
	h.revoke(identity, until)
	streams := h.streamsOf(identity)
	for _, s := range streams {
		s.endTold(ErrRevoked, "revoked")
	}
	return len(streams)
}

// Restore admits an identity again that Revoke refuses.
func (h *Hub) Restore(identity string) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	delete(h.revoked, identity)
}

// isRevoked reports whether an identity is revoked.
func (h *Hub) isRevoked(identity string) bool {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	until, ok := h.revoked[identity]
	return ok && (until.IsZero() || time.Now().Before(until))
}

// revoke records a revocation, and drops those that are over.
func (h *Hub) revoke(identity string, until time.Time) {
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	if h.revoked == nil {
		h.revoked = make(map[string]time.Time)
	}
	h.revoked[strings.Clone(identity)] = until
	if len(h.revoked) < h.sweepAt {
		return
	}
	now := time.Now()
	maps.DeleteFunc(h.revoked, func(_ string, until time.Time) bool { return !until.IsZero() && !now.Before(until) })
	h.sweepAt = 2*len(h.revoked) + 64
}
