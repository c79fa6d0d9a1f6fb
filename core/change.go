package core

import (
	"fmt"
	"slices"
)

// target is what a stream's channels are to be, once whoever drives it gets
// there.
type target struct {
	channels []*channel
	floors   []uint64 // of each that was added: where it begins; 0 for the others
	head     uint64   // the newest entry when the first of the changes was asked for
}

// AddChannels subscribes the open stream to more channels, without reconnecting.
// It gets what is published to them from now on. When the client reconnects,
// the endpoint chooses again: see Subscription.Remember.
//
// The errors wrap [ErrNotSubscribed] unless the hub drives the stream,
// [ErrChannelName], [ErrChannelGone], [ErrTooLarge] if there would be more than
// [MaxChannels], or they are why the stream ended. Nothing has changed then.
func (s *Stream) AddChannels(names ...string) error { return s.ChangeChannels(names, nil) }

// RemoveChannels takes the open stream off channels. When it returns, no more
// of their events are sent; a write in progress may finish. A stream may be left
// without any channel. The errors are those of AddChannels.
func (s *Stream) RemoveChannels(names ...string) error { return s.ChangeChannels(nil, names) }

// ChangeChannels does what RemoveChannels and AddChannels do, in one step.
func (s *Stream) ChangeChannels(add, remove []string) error {
	for _, name := range slices.Concat(add, remove) {
		if err := checkChannel(name); err != nil {
			return err
		}
	}
	unused, err := s.retarget(add, remove)
	if err != nil {
		return err
	}
	s.wakeDriver()
	s.gate.hub.detach(unused)
	s.runHooks()
	return nil
}

// retarget sets what the stream's channels are to be. It returns channels to
// let go of.
func (s *Stream) retarget(add, remove []string) (unused []*channel, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case !s.counted:
		return nil, ErrNotSubscribed
	}
	now := s.sub.channels
	was := target{channels: now, floors: make([]uint64, len(now))}
	pending := s.less().target
	if pending != nil {
		was = *pending
	}
	var next target
	var removed []*channel
	for i, c := range was.channels {
		if slices.Contains(remove, c.name) {
			removed = append(removed, c)
			continue
		}
		next.channels, next.floors = append(next.channels, c), append(next.floors, was.floors[i])
	}
	fresh := slices.DeleteFunc(slices.Clone(add), func(name string) bool {
		return slices.ContainsFunc(next.channels, func(c *channel) bool { return c.name == name })
	})
	slices.Sort(fresh)
	fresh = slices.Compact(fresh)
	if len(next.channels)+len(fresh) > MaxChannels {
		return nil, fmt.Errorf("%w: more than %d channels", ErrTooLarge, MaxChannels)
	}
	added, err := s.gate.hub.attach(fresh)
	if err != nil {
		return nil, err
	}
	for _, c := range removed {
		s.left(c)
		if !slices.Contains(now, c) {
			unused = append(unused, c)
		}
	}
	head := s.gate.hub.head.Load()
	if next.head = was.head; pending == nil {
		next.head = head
	}
	for _, c := range added {
		s.joined(c)
		if slices.Contains(now, c) {
			unused = append(unused, c) // the subscriber holds it already
		}
		next.channels, next.floors = append(next.channels, c), append(next.floors, head)
	}
	s.more().target = &next
	s.changing.Store(true)
	s.note(next.channels)
	return unused, nil
}

// stays returns what decides whether an entry is still for the stream while its
// channels are about to change, or nil while they are not.
func (s *Stream) stays() func(*Entry) bool {
	if !s.changing.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.less().target
	if t == nil {
		return nil
	}
	return func(e *Entry) bool { return wants(t.channels, t.floors, e) }
}

// wakeDriver has whoever drives the stream look at what has changed.
func (s *Stream) wakeDriver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.owner != nil:
		s.owner.poke()
	case s.sub.wake != nil:
		s.sub.notify()
	}
}

// retuned is what changed for a subscriber.
type retuned struct {
	removed, added []*channel // removed is to be let go of
	// align returns a list of floors, or of what makes no gap, with a place for
	// each channel that there is now.
	align func(list []uint64) []uint64
}

// retune gives the subscriber the channels that its stream is to have. The
// lists of those who are to be told of news are the caller's.
func (s *subscriber) retune() (r retuned) {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	st.changing.Store(false)
	r.align = func(list []uint64) []uint64 { return list }
	x := st.extras.Load()
	if x == nil || x.target == nil {
		return r
	}
	next, old := *x.target, s.channels
	x.target = nil
	s.channels = next.channels
	for _, c := range old {
		if !slices.Contains(next.channels, c) {
			r.removed = append(r.removed, c)
		}
	}
	for i, c := range next.channels {
		s.owed = max(s.owed, next.floors[i]) // what is older is not to come
		if !slices.Contains(old, c) {
			r.added = append(r.added, c)
		}
	}
	r.align = func(list []uint64) []uint64 {
		aligned := slices.Clone(next.floors)
		for i, c := range next.channels {
			if j := slices.Index(old, c); j >= 0 && j < len(list) {
				aligned[i] = max(aligned[i], list[j])
			}
		}
		return aligned
	}
	s.floors = r.align(s.floors)
	if s.begun() {
		s.moveTo(s.cursor.Load()) // which may be beyond the floors
	}
	if s.history != nil && s.history.follows() {
		q := *s.history
		q.Gone = r.align(q.Gone)
		s.history = &q
	}
	return r
}
