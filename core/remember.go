package core

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// memories are the channels of streams that had some added or removed, for when
// their clients come back.
type memories struct {
	keep time.Duration
	max  int

	mu     sync.Mutex
	byName map[memoryName]*memory
}

// memoryName is what is remembered for whom: nobody finds what is another's.
type memoryName struct{ identity, name string }

type memory struct {
	channels []string
	streams  int       // that are open
	touched  time.Time // when the last of them ended, or changed
}

func (m *memories) init(cfg HubConfig) {
	m.keep, m.max = cfg.RememberFor, cfg.MaxRemembered
	m.byName = make(map[memoryName]*memory)
}

// reopen returns the channels that a stream had, and counts one more that is
// open.
func (m *memories) reopen(n memoryName) ([]string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.byName[n]
	if one == nil || m.over(one, time.Now()) {
		return nil, false
	}
	one.streams++
	return slices.Clone(one.channels), true
}

// note takes down the channels of a stream. It reports whether there was room.
func (m *memories) note(n memoryName, channels []string, opened int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	one := m.byName[n]
	if one == nil {
		if !m.room(now) {
			return false
		}
		one = new(memory)
		m.byName[n] = one
	}
	one.channels, one.touched = channels, now
	one.streams += opened
	return true
}

// ended takes down that a stream has ended.
func (m *memories) ended(n memoryName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one := m.byName[n]; one != nil {
		one.streams--
		one.touched = time.Now()
	}
}

// over reports whether a memory is too old.
func (m *memories) over(one *memory, now time.Time) bool {
	return one.streams <= 0 && now.Sub(one.touched) >= m.keep
}

// room reports whether there is room for one more, and makes some if need be:
// of a few, the one that ended first goes.
func (m *memories) room(now time.Time) bool {
	if len(m.byName) < m.max {
		return true
	}
	var oldest memoryName
	var at time.Time
	found, looked := false, 0
	for n, one := range m.byName {
		if m.over(one, now) {
			delete(m.byName, n)
			return true
		}
		if one.streams <= 0 && (!found || one.touched.Before(at)) {
			oldest, at, found = n, one.touched, true
		}
		if looked++; looked >= 64 {
			break
		}
	}
	if found {
		delete(m.byName, oldest)
	}
	return found
}

// note has the hub remember what the stream's channels are to be, without those
// that end with it. The caller holds s.mu.
func (s *Stream) note(channels []*channel) {
	x := s.more()
	if x.remember == "" {
		return
	}
	names := make([]string, 0, len(channels))
	for _, c := range channels {
		if !slices.Contains(x.private, c) {
			names = append(names, c.name)
		}
	}
	opened := 1
	if x.noted {
		opened = 0
	}
	name := memoryName{s.Identity(), x.remember}
	if x.noted && x.notedAs != name {
		return // it has another identity by now
	}
	x.noted, x.notedAs = s.gate.hub.memories.note(name, names, opened), name
}

// recall gives a subscription the channels that are remembered for it, if the
// name is known: those that are there, and the private ones that the stream has
// made for itself. The error is a [*Refusal].
func (s *Stream) recall(sub *Subscription) error {
	if sub.Remember == "" {
		return nil
	}
	if fault := nameFault(sub.Remember); fault != "" {
		return Refuse(http.StatusBadRequest, "No such name to remember a stream by: "+fault+".")
	}
	h := s.gate.hub
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.more()
	x.remember = strings.Clone(sub.Remember)
	name := memoryName{s.Identity(), x.remember}
	channels, ok := h.memories.reopen(name)
	if !ok {
		return nil
	}
	x.noted, x.notedAs = true, name
	for _, c := range x.private {
		if slices.Contains(sub.Channels, c.name) {
			channels = append(channels, c.name)
		}
	}
	sub.recalled, sub.Channels = true, h.there(channels)
	return nil
}

// there returns the names without those of private channels that are gone.
func (h *Hub) there(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return h.checkOpen(name) != nil })
}
