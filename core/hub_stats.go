package core

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats holds counts of a hub at one moment. Those that only grow count from
// the hub's beginning.
type Stats struct {
	// Streams is the number of streams that are open at the hub's gates.
	Streams int `json:"streams"`
	// Channels is the number of channels that have subscribers or recent
	// events.
	Channels int `json:"channels"`
	// RingBytes is about the size of all rings, in bytes: see TotalRingBytes of
	// [HubConfig].
	RingBytes int64 `json:"ringBytes"`
	// Published counts the events published through this hub.
	Published uint64 `json:"published"`
	// Opened counts the streams that passed the gate.
	Opened uint64 `json:"opened"`
	// Refused counts the requests that got no stream, and Closed the streams that
	// have ended, by [EndReason]. Requests that open no stream, see [Gate.Answer]
	// and [Gate.ChangeChannels], do not count. Closed for the reason "slow" are
	// those that met the policy [Evict].
	Refused map[string]uint64 `json:"refused,omitempty"`
	Closed  map[string]uint64 `json:"closed,omitempty"`
	// Delivered counts the events that were sent to clients, one for each client.
	// Replayed counts those of them that came from history.
	Delivered uint64 `json:"delivered"`
	Replayed  uint64 `json:"replayed"`
	// Conflated counts the events that a client was not sent, because a newer one
	// with the same key was in the channel's ring: see [Conflate]. It does not
	// count events that the ring had dropped before the client was ready.
	Conflated uint64 `json:"conflated"`
	// Resets counts the [ResetEvent]s that clients were sent, by reason. Those of
	// the reason [GapSkipped] met the policy [Skip].
	Resets map[GapReason]uint64 `json:"resets,omitempty"`
	// SentBytes counts the bytes of bodies that were sent.
	SentBytes uint64 `json:"sentBytes"`
}

// Stats returns the hub's counts.
func (h *Hub) Stats() Stats {
	h.streamsMu.Lock()
	streams := len(h.streams)
	h.streamsMu.Unlock()
	h.mu.RLock()
	channels := len(h.channels)
	h.mu.RUnlock()
	st := Stats{
		Streams: streams, Channels: channels, RingBytes: h.ringBytes.Load(),
		Published: h.published.Load(), Opened: h.ends.opened.Load(),
	}
	for i := range h.shards {
		t := &h.shards[i].tally
		st.Delivered += t.events.Load()
		st.Replayed += t.replayed.Load()
		st.Conflated += t.conflated.Load()
		st.SentBytes += t.bytes.Load()
	}
	h.ends.mu.Lock()
	defer h.ends.mu.Unlock()
	st.Refused, st.Closed, st.Resets = maps.Clone(h.ends.refused), maps.Clone(h.ends.closed), maps.Clone(h.ends.resets)
	return st
}

// tally counts what the streams of one shard were sent.
type tally struct {
	_                                  [64]byte // no other core writes to this line
	events, replayed, conflated, bytes atomic.Uint64
	_                                  [32]byte
}

// tally returns the counts that the stream adds to.
func (s *Stream) tally() *tally {
	shards := s.gate.hub.shards
	if s.sub != nil { // set before the first byte is sent
		return &shards[s.sub.shard].tally
	}
	return &shards[int(s.key[0])%len(shards)].tally
}

// ends counts what is rare.
type ends struct {
	opened atomic.Uint64

	mu              sync.Mutex // guards the maps, which are nil until needed
	refused, closed map[string]uint64
	resets          map[GapReason]uint64
}

// ended counts a stream that has ended, or a request that got none.
func (e *ends) ended(opened bool, reason error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if opened {
		increase(&e.closed, EndReason(reason))
		return
	}
	increase(&e.refused, EndReason(reason))
}

// reset counts a reset.
func (e *ends) reset(reason GapReason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	increase(&e.resets, reason)
}

func increase[K comparable](counts *map[K]uint64, key K) {
	if *counts == nil {
		*counts = make(map[K]uint64)
	}
	(*counts)[key]++
}

// Lag describes the streams that are behind, at one moment.
type Lag struct {
	// Streams is the number of open streams that have not been sent all events in
	// the rings of their channels.
	Streams int `json:"streams"`
	// Events and Bytes are the largest number and the largest size of such events
	// of one stream.
	Events int `json:"events"`
	Bytes  int `json:"bytes"`
}

// Lag looks at all open streams, one after the other. It takes time that grows
// with their number, about a millisecond for some thousands, and delays none of
// them.
func (h *Hub) Lag() Lag {
	var lag Lag
	for _, s := range h.openStreams() {
		events, bytes := s.lag()
		if events > 0 {
			lag.Streams++
		}
		lag.Events, lag.Bytes = max(lag.Events, events), max(lag.Bytes, bytes)
	}
	return lag
}

// lag returns the number and the size of the events in the rings that the
// stream was not sent.
func (s *Stream) lag() (events, bytes int) {
	s.mu.Lock()
	channels, sub := s.wanted(), s.sub
	begins := s.rareCopy().begins // a change replaces the map
	s.mu.Unlock()
	if sub == nil {
		return 0, 0
	}
	cursor := sub.cursor.Load()
	for _, c := range channels {
		n, size := c.beyond(max(cursor, begins[c]))
		events += n
		bytes += size
	}
	return events, bytes
}
