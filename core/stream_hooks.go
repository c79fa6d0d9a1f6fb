package core

import "slices"

// hook is a due call of HubConfig.OnJoin or OnLeave.
type hook struct {
	call    func(channel string, s *Stream)
	channel string
	what    string
}

// countIn adds the stream to the channel's streams. The caller holds s.mu, and
// calls runHooks after it has released s.mu.
func (s *Stream) countIn(c *channel) {
	c.streamsMu.Lock()
	defer c.streamsMu.Unlock()
	if c.streams == nil {
		c.streams = make(map[*Stream]struct{})
	}
	c.streams[s] = struct{}{}
	if call := s.gate.hub.cfg.OnJoin; call != nil {
		x := s.ensureRare()
		x.hooks = append(x.hooks, hook{call, c.name, "join hook"})
	}
}

// countOut removes the stream from the channel's streams. The caller holds
// s.mu, and calls runHooks after it has released s.mu.
func (s *Stream) countOut(c *channel) {
	c.streamsMu.Lock()
	defer c.streamsMu.Unlock()
	delete(c.streams, s)
	if len(c.streams) == 0 {
		c.streams = nil
	}
	if call := s.gate.hub.cfg.OnLeave; call != nil {
		x := s.ensureRare()
		x.hooks = append(x.hooks, hook{call, c.name, "leave hook"})
	}
}

// countInAll adds a stream that opens to the streams of all its channels.
func (s *Stream) countInAll() {
	s.mu.Lock()
	if s.sub != nil {
		s.state = stateSubscribed
		for _, c := range s.sub.channels {
			s.countIn(c)
		}
	}
	s.mu.Unlock()
	s.runHooks()
}

// countOutAll removes a stream that has ended from all its channels. The caller
// holds s.mu.
func (s *Stream) countOutAll() {
	if s.state != stateSubscribed {
		return
	}
	for _, c := range s.wanted() {
		s.countOut(c)
	}
}

// runHooks calls the hooks that are due, in order. While one goroutine calls
// hooks, it also calls those that other goroutines add.
func (s *Stream) runHooks() {
	if cfg := &s.gate.hub.cfg; cfg.OnJoin == nil && cfg.OnLeave == nil {
		return
	}
	for {
		s.mu.Lock()
		x := s.ensureRare()
		if x.hooking || len(x.hooks) == 0 {
			s.mu.Unlock()
			return
		}
		due := slices.Clone(x.hooks)
		x.hooks, x.hooking = nil, true
		s.mu.Unlock()
		for _, h := range due {
			_ = s.guard(h.what, func() error { h.call(h.channel, s); return nil })
		}
		s.mu.Lock()
		x.hooking = false
		s.mu.Unlock()
	}
}
