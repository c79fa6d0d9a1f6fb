package core

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// streamKey is a stream's ID as it is kept.
type streamKey [16]byte

// ChannelInfo is what there is to say of a channel at one moment.
type ChannelInfo struct {
	// Name is the channel's name.
	Name string `json:"name"`
	// Streams is the number of open streams that are subscribed.
	Streams int `json:"streams"`
	// Events and Bytes are what the channel's ring holds. History may go
	// further back.
	Events int `json:"events"`
	Bytes  int `json:"bytes"`
}

// Channels returns the channels that have subscribers or recent events, in the
// order of their names.
func (h *Hub) Channels() []ChannelInfo {
	h.mu.RLock()
	channels := make([]*channel, 0, len(h.channels))
	for _, c := range h.channels {
		channels = append(channels, c)
	}
	h.mu.RUnlock()
	infos := make([]ChannelInfo, len(channels))
	for i, c := range channels {
		c.mu.Lock()
		infos[i] = ChannelInfo{Name: c.name, Streams: c.count(), Events: c.ring.Len(), Bytes: c.ring.Bytes()}
		c.mu.Unlock()
	}
	slices.SortFunc(infos, func(a, b ChannelInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}

// count returns the number of open streams that are subscribed.
func (c *channel) count() int {
	c.streamsMu.Lock()
	defer c.streamsMu.Unlock()
	return len(c.streams)
}

// Count returns the number of open streams that are subscribed to a channel. A
// client that vanishes is counted until that is noticed: at once where its
// connection tells, and with the write after the next heartbeat at the latest.
func (h *Hub) Count(channel string) int {
	if c := h.known(channel); c != nil {
		return c.count()
	}
	return 0
}

// known returns a channel that is there, or nil.
func (h *Hub) known(name string) *channel {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.channels[name]
}

// Streams returns the open streams that are subscribed to a channel, those of
// the earliest requests first.
func (h *Hub) Streams(channel string) []*Stream {
	c := h.known(channel)
	if c == nil {
		return nil
	}
	c.streamsMu.Lock()
	streams := make([]*Stream, 0, len(c.streams))
	for s := range c.streams {
		streams = append(streams, s)
	}
	c.streamsMu.Unlock()
	sortStreams(streams)
	return streams
}

// AllStreams returns all streams that are open at the hub's gates, whatever
// drives them, those of the earliest requests first.
func (h *Hub) AllStreams() []*Stream {
	streams := h.openStreams()
	sortStreams(streams)
	return streams
}

func sortStreams(streams []*Stream) {
	slices.SortFunc(streams, func(a, b *Stream) int {
		return cmp.Or(cmp.Compare(a.since, b.since), slices.Compare(a.key[:], b.key[:]))
	})
}

// Stream returns the open stream with an ID, or nil.
func (h *Hub) Stream(id string) *Stream {
	var key streamKey
	if len(id) != hex.EncodedLen(len(key)) {
		return nil
	}
	if _, err := hex.Decode(key[:], []byte(id)); err != nil || hex.EncodeToString(key[:]) != id {
		return nil // capitals are another text
	}
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	return h.streams[key]
}

// CloseChannel ends the streams that are subscribed to a channel, for a reason
// as in [Stream.CloseWith]. It returns how many there were.
func (h *Hub) CloseChannel(channel string, reason error) int {
	return closeAll(h.Streams(channel), reason)
}

// CloseIdentity ends the streams that belong to somebody, for a reason as in
// [Stream.CloseWith]: those that are open, and those at the gate of which a
// middleware has said so. It returns how many there were. So that none of them
// opens any more, first have the middleware refuse them.
func (h *Hub) CloseIdentity(name string, reason error) int {
	if name == "" {
		return 0
	}
	return closeAll(h.streamsOf(name), reason)
}

func closeAll(streams []*Stream, reason error) int {
	for _, s := range streams {
		s.CloseWith(reason)
	}
	return len(streams)
}

// CloseWith ends the stream like Close, for a reason, which [Stream.Err] then
// wraps together with [ErrClosed]. The client, which is not told, reconnects:
// what it finds then, a [Middleware] decides.
func (s *Stream) CloseWith(reason error) {
	if reason == nil {
		s.end(ErrClosed)
		return
	}
	s.end(fmt.Errorf("%w: %w", ErrClosed, reason))
}

// StreamInfo is what there is to say of a stream at one moment, to those who
// run the server. Of what clients are told of each other, leave the ID out.
type StreamInfo struct {
	// ID is what [Stream.ID] returns: the key of [Gate.ChangeChannels].
	ID         string    `json:"id"`
	RemoteAddr string    `json:"remoteAddr"`
	Identity   string    `json:"identity,omitempty"`
	Since      time.Time `json:"since"`
	// Channels and Groups are those that the stream is in.
	Channels []string `json:"channels,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	// Position is up to where the stream has been sent, or passed over, what is
	// on its channels. It is empty for a handler's stream.
	Position string `json:"position,omitempty"`
	// LagEvents and LagBytes are what waits in the rings beyond that. There may
	// be more in history.
	LagEvents int `json:"lagEvents"`
	LagBytes  int `json:"lagBytes"`
	// SentEvents and SentBytes are what was sent.
	SentEvents int64 `json:"sentEvents"`
	SentBytes  int64 `json:"sentBytes"`
	// Owned reports whether the stream's connection was taken over.
	Owned bool `json:"owned"`
}

// Info returns what there is to say of the stream now, its ID included, which is
// not for other clients. What SetValue stored with it is not part of that; see
// [Stream.Value].
func (s *Stream) Info() StreamInfo {
	s.mu.Lock()
	channels, owned, opened := s.wanted(), s.hijacked, s.state == stateSubscribed
	begins := s.rareCopy().begins // a change makes another one
	s.mu.Unlock()
	info := StreamInfo{
		ID: s.ID(), RemoteAddr: s.remote, Identity: s.Identity(), Since: s.Since(),
		Groups: s.Groups(), Owned: owned,
		SentEvents: s.events.Load(), SentBytes: s.bytes.Load(),
	}
	for _, c := range channels {
		info.Channels = append(info.Channels, c.name)
	}
	if !opened || s.sub == nil { // in this order: until it is open, sub may be set
		return info
	}
	cursor := s.sub.cursor.Load()
	info.Position = s.gate.hub.position(cursor).String()
	for _, c := range channels {
		events, bytes := c.beyond(max(cursor, begins[c]))
		info.LagEvents += events
		info.LagBytes += bytes
	}
	return info
}

// wanted returns the channels that the stream has, or is about to. The caller
// holds s.mu.
func (s *Stream) wanted() []*channel {
	if x := s.rare.Load(); x != nil && x.pending != nil {
		return slices.Clone(x.pending.channels)
	}
	if s.sub == nil {
		return nil
	}
	return slices.Clone(s.sub.channels)
}

// beyond returns how much of the ring follows seq.
func (c *channel) beyond(seq uint64) (events, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.ring.After(seq); i < c.ring.Len(); i++ {
		if e := c.ring.At(i); !c.superseded(e) {
			events++
			bytes += len(e.Frame())
		}
	}
	return events, bytes
}
