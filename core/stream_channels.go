package core

import (
	"fmt"
	"slices"
)

// pendingChannels is what a stream's channels are to be, once whoever drives it gets
// there.
type pendingChannels struct {
	channels    []*channel
	skipThrough []uint64 // of each that was added: where it begins; 0 for the others
	head        uint64   // the newest entry when the first of the changes was asked for
}

// AddChannels subscribes the open stream to more channels, without reconnecting.
// It gets what is published to them from now on. When the client reconnects,
// the endpoint chooses again: see Subscription.SessionKey.
//
// The errors wrap [ErrNotSubscribed] unless the hub drives the stream,
// [ErrChannelName], [ErrChannelGone], [ErrTooManyChannels], [ErrTooLarge] if more
// than [MaxChannels] are named or the stream would have more, or they are why the
// stream ended. Nothing has changed then. Naming a channel twice is the same as once, but
// counts twice against that bound.
func (s *Stream) AddChannels(names ...string) error { return s.ChangeChannels(names, nil) }

// RemoveChannels takes the open stream off channels. When it returns, no more
// of their events are sent; a write in progress may finish. A stream may be left
// without any channel. Channels that the stream does not have are passed over.
// The errors are those of AddChannels.
func (s *Stream) RemoveChannels(names ...string) error { return s.ChangeChannels(nil, names) }

// ChangeChannels does what RemoveChannels and AddChannels do, in one step and in
// this order: a channel in both lists begins anew. Each list may name
// [MaxChannels] channels.
func (s *Stream) ChangeChannels(add, remove []string) error {
	wish, err := newWish(add, remove)
	if err != nil {
		return err
	}
	_, err = s.change(wish)
	return err
}

// wish is a change of channels whose names have been checked: two lists in
// order in which each name stands once.
type wish struct{ add, remove []string }

// newWish checks the names. The errors wrap ErrTooLarge or ErrChannelName.
func newWish(add, remove []string) (w wish, err error) {
	for _, list := range []struct {
		names []string
		set   *[]string
	}{{add, &w.add}, {remove, &w.remove}} {
		if len(list.names) == 0 {
			continue
		}
		if *list.set, err = channelSet(list.names); err != nil {
			return wish{}, err
		}
	}
	return w, nil
}

// change changes the stream's channels. It takes hold of those to be added, and
// lets go of others, without the stream's lock: a store may be asked to forget
// private channels then.
func (s *Stream) change(w wish) (done ChannelChange, err error) {
	if err = s.changeable(); err != nil {
		return done, err
	}
	add, err := s.gate.hub.attach(w.add)
	if err != nil {
		return done, err
	}
	done, unused, err := s.requestChannels(add, w.remove)
	if err == nil && done.Added+done.Removed > 0 {
		s.wakeDriver()
	}
	s.gate.hub.detach(unused)
	s.runHooks()
	return done, err
}

// changeable returns why the stream's channels cannot be changed, or nil.
func (s *Stream) changeable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fixed()
}

// fixed is changeable for callers that hold s.mu.
func (s *Stream) fixed() error {
	switch {
	case s.err != nil:
		return s.err
	case !s.counted:
		return ErrNotSubscribed
	}
	return nil
}

// requestChannels sets what the stream's channels are to be, given those to add, which
// the caller has taken hold of, and the names of those to remove, in order. It
// returns the channels to let go of: all of add if there is an error.
func (s *Stream) requestChannels(add []*channel, remove []string) (done ChannelChange, unused []*channel, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fixed(); err != nil {
		return done, add, err
	}
	was := pendingChannels{channels: s.sub.channels, skipThrough: make([]uint64, len(s.sub.channels))}
	pending := s.rareCopy().pending
	if pending != nil {
		was = *pending
	}
	next, removed := was.without(remove)
	fresh := make([]*channel, 0, len(add))
	for has, i := indices(next.channels), 0; i < len(add); i++ {
		if _, there := has[add[i]]; there {
			unused = append(unused, add[i])
		} else {
			fresh = append(fresh, add[i])
		}
	}
	done = ChannelChange{Added: len(fresh), Removed: len(removed)}
	switch {
	case len(next.channels)+len(fresh) > MaxChannels:
		return ChannelChange{}, add, fmt.Errorf("%w: more than %d channels", ErrTooLarge, MaxChannels)
	case len(fresh)+len(removed) == 0:
		return done, unused, nil
	}
	held := indices(s.sub.channels) // by the subscriber
	for _, c := range removed {
		s.countOut(c)
		if _, ok := held[c]; !ok {
			unused = append(unused, c)
		}
	}
	head := s.gate.hub.head.Load()
	if next.head = was.head; pending == nil {
		next.head = head
	}
	for _, c := range fresh {
		s.countIn(c)
		if _, ok := held[c]; ok {
			unused = append(unused, c)
		}
		next.channels, next.skipThrough = append(next.channels, c), append(next.skipThrough, head)
	}
	x := s.ensureRare()
	x.pending = &next
	x.begins = next.begins(x.begins)
	s.changing.Store(true)
	s.noteSession(next.channels)
	return done, unused, nil
}

// begins returns where the channels begin that were added to the stream, given
// the same before.
func (t pendingChannels) begins(before map[*channel]uint64) map[*channel]uint64 {
	begins := make(map[*channel]uint64)
	for i, c := range t.channels {
		if at := max(t.skipThrough[i], before[c]); at > 0 {
			begins[c] = at
		}
	}
	return begins
}

// without returns the target without channels, whose names are in order, and
// the channels that it had of these.
func (t pendingChannels) without(names []string) (rest pendingChannels, removed []*channel) {
	for i, c := range t.channels {
		if _, out := slices.BinarySearch(names, c.name); out {
			removed = append(removed, c)
			continue
		}
		rest.channels, rest.skipThrough = append(rest.channels, c), append(rest.skipThrough, t.skipThrough[i])
	}
	return rest, removed
}

// indices returns where each of the channels stands in the list.
func indices(channels []*channel) map[*channel]int {
	at := make(map[*channel]int, len(channels))
	for i, c := range channels {
		at[c] = i
	}
	return at
}

// stays returns what decides whether an entry is still for the stream while its
// channels are about to change, or nil while they are not.
func (s *Stream) stays() func(*Entry) bool {
	if !s.changing.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.rareCopy().pending
	if t == nil {
		return nil
	}
	return func(e *Entry) bool { return wants(t.channels, t.skipThrough, e) }
}

// wakeDriver has whoever drives the stream look at what has changed.
func (s *Stream) wakeDriver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.owner != nil:
		s.owner.wake()
	case s.sub.wake != nil:
		s.sub.notify()
	}
}

// channelDelta is what changed for a subscriber.
type channelDelta struct {
	removed, added []*channel // removed is to be let go of
	// align returns a list of floors, or of what makes no gap, with a place for
	// each channel that there is now.
	align func(list []uint64) []uint64
}

// applyChannels gives the subscriber the channels that its stream is to have. The
// lists of those who are to be told of news are the caller's.
func (s *subscriber) applyChannels() (r channelDelta) {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	st.changing.Store(false)
	r.align = func(list []uint64) []uint64 { return list }
	x := st.rare.Load()
	if x == nil || x.pending == nil {
		return r
	}
	next, old := *x.pending, s.channels
	x.pending = nil
	s.channels = next.channels
	before, after := indices(old), indices(next.channels)
	for _, c := range old {
		if _, stays := after[c]; !stays {
			r.removed = append(r.removed, c)
		}
	}
	for i, c := range next.channels {
		s.unreportedThrough = max(s.unreportedThrough, next.skipThrough[i]) // what is older is not to come
		if _, stays := before[c]; !stays {
			r.added = append(r.added, c)
		}
	}
	r.align = func(list []uint64) []uint64 {
		aligned := slices.Clone(next.skipThrough)
		for i, c := range next.channels {
			if j, ok := before[c]; ok && j < len(list) {
				aligned[i] = max(aligned[i], list[j])
			}
		}
		return aligned
	}
	s.skipThrough = r.align(s.skipThrough)
	if s.begun() {
		s.moveTo(s.cursor.Load()) // which may be beyond the floors
	}
	if s.history != nil && s.history.Follows() {
		q := *s.history
		q.Gone = r.align(q.Gone)
		s.history = &q
	}
	return r
}
