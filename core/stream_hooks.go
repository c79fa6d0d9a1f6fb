package core

import "slices"

// hook is a call of HubConfig.OnJoin or OnLeave that is due.
type hook struct {
	call    func(channel string, s *Stream)
	channel string
	what    string
}

// countIn counts the stream in on a channel. The caller holds s.mu, and calls
// runHooks without it.
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

// countOut counts the stream out. The caller holds s.mu, and calls runHooks without
// it.
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

// countInAll counts a stream that opens in on its channels.
func (s *Stream) countInAll() {
	s.mu.Lock()
	if s.sub != nil {
		s.counted = true
		for _, c := range s.sub.channels {
			s.countIn(c)
		}
	}
	s.mu.Unlock()
	s.runHooks()
}

// countOutAll counts a stream that has ended out. The caller holds s.mu.
func (s *Stream) countOutAll() {
	if !s.counted {
		return
	}
	channels := s.sub.channels
	if x := s.rare.Load(); x != nil && x.pending != nil {
		channels = x.pending.channels
	}
	for _, c := range channels {
		s.countOut(c)
	}
}

// runHooks calls the hooks that are due, in order: whoever comes while another
// goroutine is at it leaves its own to that one.
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
