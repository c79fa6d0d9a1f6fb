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
	s.gate.hub.detach(unused)
	s.runHooks()
	s.wakeDriver()
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
	case s.sub == nil || s.phase != driven:
		return nil, ErrNotSubscribed
	}
	now := s.sub.channels
	was := target{channels: now, floors: make([]uint64, len(now))}
	if x := s.extras.Load(); x != nil && x.target != nil {
		was = *x.target
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
	for _, c := range added {
		s.joined(c)
		if slices.Contains(now, c) {
			unused = append(unused, c) // the subscriber holds it already
		}
		next.channels, next.floors = append(next.channels, c), append(next.floors, head)
	}
	s.more().target = &next
	s.changing.Store(true)
	s.note(next.names())
	return unused, nil
}

func (t target) names() []string {
	names := make([]string, len(t.channels))
	for i, c := range t.channels {
		names[i] = c.name
	}
	return names
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
	align          func(gone []uint64) []uint64
}

// retune gives the subscriber the channels that its stream is to have. The
// lists of those who are to be told of news are the caller's.
func (s *subscriber) retune() (r retuned) {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	st.changing.Store(false)
	r.align = func(gone []uint64) []uint64 { return gone }
	x := st.extras.Load()
	if x == nil || x.target == nil {
		return r
	}
	next, old, floors := *x.target, s.channels, s.floors
	x.target = nil
	s.channels, s.floors, s.changed = next.channels, nil, true
	for _, c := range old {
		if !slices.Contains(next.channels, c) {
			r.removed = append(r.removed, c)
		}
	}
	for i, c := range next.channels {
		s.raise(i, next.floors[i])
		j := slices.Index(old, c)
		if j < 0 {
			r.added = append(r.added, c)
		} else if floors != nil {
			s.raise(i, floors[j])
		}
	}
	// What makes no gap if it is missing, channel by channel.
	r.align = func(gone []uint64) []uint64 {
		aligned := slices.Clone(next.floors)
		for i, c := range next.channels {
			if j := slices.Index(old, c); j >= 0 && j < len(gone) {
				aligned[i] = max(aligned[i], gone[j])
			}
		}
		return aligned
	}
	if len(r.added) > 0 {
		s.passed = true // what is older on these channels is not to come
	}
	switch {
	case len(s.channels) == 0:
		s.history = nil
	case s.history != nil && s.history.follows():
		q := *s.history
		q.Gone = r.align(q.Gone)
		s.history = &q
	}
	return r
}
