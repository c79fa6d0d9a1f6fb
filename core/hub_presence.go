package core

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"
)

// streamKey is a stream's ID in binary form.
type streamKey [16]byte

// ChannelInfo describes a channel at one moment.
type ChannelInfo struct {
	// Name is the channel's name.
	Name string `json:"name"`
	// Streams is the number of open streams that are subscribed to the channel.
	Streams int `json:"streams"`
	// Events and Bytes are the number and the size of the events in the channel's
	// ring. History may go further back.
	Events int `json:"events"`
	Bytes  int `json:"bytes"`
}

// Channels returns the channels that have subscribers or recent events, sorted
// by name.
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

// count returns the number of open streams that are subscribed to the channel.
func (c *channel) count() int {
	c.streamsMu.Lock()
	defer c.streamsMu.Unlock()
	return len(c.streams)
}

// Count returns the number of open streams that are subscribed to a channel, of
// this hub: package cluster counts those of all machines that share a store. A
// client that vanishes counts until the server notices: at once if its
// connection reports the loss, and at the latest with the write after the next
// heartbeat.
func (h *Hub) Count(channel string) int {
	if c := h.known(channel); c != nil {
		return c.count()
	}
	return 0
}

// known returns the channel with this name, or nil if there is none.
func (h *Hub) known(name string) *channel {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.channels[name]
}

// Streams returns the open streams that are subscribed to a channel, ordered by
// the time of their requests, earliest first.
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

// StreamsOf returns the open streams of an identity, ordered by the time of their
// requests, earliest first.
func (h *Hub) StreamsOf(identity string) []*Stream {
	streams := slices.DeleteFunc(h.openStreams(), func(s *Stream) bool { return identity == "" || s.Identity() != identity })
	sortStreams(streams)
	return streams
}

// AllStreams returns all streams, of any kind, that are open at the hub's
// gates, ordered by the time of their requests, earliest first.
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

// Stream returns the open stream with this ID, or nil if there is none.
func (h *Hub) Stream(id string) *Stream {
	var key streamKey
	if len(id) != hex.EncodedLen(len(key)) {
		return nil
	}
	if _, err := hex.Decode(key[:], []byte(id)); err != nil || hex.EncodeToString(key[:]) != id {
		return nil // upper-case hex digits are not the same ID
	}
	h.streamsMu.Lock()
	defer h.streamsMu.Unlock()
	return h.streams[key]
}

// CloseChannel ends the streams that are subscribed to a channel. The reason is
// that of [Stream.CloseWith]. It returns the number of these streams.
func (h *Hub) CloseChannel(channel string, reason error) int {
	return closeAll(h.Streams(channel), reason)
}

// CloseIdentity ends the streams of an identity. The reason is that of
// [Stream.CloseWith]. It ends open streams, and streams at the gate whose
// identity a middleware has set. It returns the number of these streams. To
// keep the identity from opening new ones, first make the middleware refuse it.
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

// CloseWith ends the stream like Close, with a reason. [Stream.Err] then wraps
// the reason together with [ErrClosed]. The client does not learn the reason,
// and reconnects; a [Middleware] decides what it gets then. See also
// CloseWithEvent.
func (s *Stream) CloseWith(reason error) {
	s.end(closedWith(reason))
}

// StreamInfo describes a stream at one moment, for operators of the server.
// Leave the ID out of what you show to other clients.
type StreamInfo struct {
	// ID is the result of [Stream.ID]: the key of [Gate.ChangeChannels].
	ID         string    `json:"id"`
	RemoteAddr string    `json:"remoteAddr"`
	Identity   string    `json:"identity,omitempty"`
	Since      time.Time `json:"since"`
	// Channels and Groups are the names of the stream's channels and groups.
	Channels []string `json:"channels,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	// Position is the position up to which events on the stream's channels have
	// been sent, or passed over because they are not for this stream. It is empty
	// for a handler's stream.
	Position string `json:"position,omitempty"`
	// LagEvents and LagBytes are the number and the size of the events in the
	// rings after Position. There may be more in history.
	LagEvents int `json:"lagEvents"`
	LagBytes  int `json:"lagBytes"`
	// SentEvents and SentBytes count what was sent on the stream.
	SentEvents int64 `json:"sentEvents"`
	SentBytes  int64 `json:"sentBytes"`
	// Owned reports whether the stream's connection was hijacked.
	Owned bool `json:"owned"`
}

// Info describes the stream at this moment. The result includes the stream's
// ID, which other clients must not see. It does not include values that
// SetValue stored; see [Stream.Value].
func (s *Stream) Info() StreamInfo {
	s.mu.Lock()
	channels, sub, owned := s.wanted(), s.sub, s.hijacked
	s.mu.Unlock()
	info := StreamInfo{
		ID: s.ID(), RemoteAddr: s.remote, Identity: s.Identity(), Since: s.Since(),
		Groups: s.Groups(), Owned: owned,
		SentEvents: s.events.Load(), SentBytes: s.bytes.Load(),
	}
	for _, c := range channels {
		info.Channels = append(info.Channels, c.name)
	}
	if sub == nil {
		return info
	}
	info.Position = s.gate.hub.position(sub.cursor.Load()).String()
	info.LagEvents, info.LagBytes = s.lag()
	return info
}

// wanted returns the stream's channels, or those that are about to replace
// them. The caller holds s.mu.
func (s *Stream) wanted() []*channel {
	if x := s.rare.Load(); x != nil && x.pending != nil {
		return slices.Clone(x.pending.channels)
	}
	if s.sub == nil {
		return nil
	}
	return slices.Clone(s.sub.channels)
}

// beyond returns the number and the size of the ring's entries after seq.
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
