package core

import (
	"errors"
	"fmt"
	"slices"
)

// pendingChannels is the list of channels that a stream is to have; the
// goroutine that drives the stream applies it.
type pendingChannels struct {
	channels    []*channel
	skipThrough []uint64 // for each channel: entries up to here are not delivered; 0 if it was not added
	head        uint64   // the newest entry at the first pending request
}

// AddChannels subscribes the open stream to more channels, without
// reconnecting. The stream gets what is published to them from now on. When the
// client reconnects, the endpoint chooses again: see Subscription.SessionKey.
//
// The errors wrap [ErrNotSubscribed] if the hub does not drive the stream,
// [ErrChannelName], [ErrChannelGone], [ErrTooManyChannels], [ErrChannelFull], [ErrForbidden] if its
// rights do not allow a channel, see [Stream.Restrict], or [ErrTooLarge] if more than [MaxChannels] are named or the stream would have more; on a stream
// that has ended, the error is its reason. After an error, nothing has changed.
// A channel that is named twice is added once, but counts twice against that
// bound.
func (s *Stream) AddChannels(names ...string) error { return s.ChangeChannels(names, nil) }

// RemoveChannels unsubscribes the open stream from channels. When it returns,
// no more of their events are sent; a write in progress may finish. A stream
// may be left without any channel. Channels that the stream does not have are
// ignored. The errors are those of AddChannels.
func (s *Stream) RemoveChannels(names ...string) error { return s.ChangeChannels(nil, names) }

// ChangeChannels removes channels and then adds channels, in one step: a
// channel in both lists begins anew. Each list may name [MaxChannels] channels.
// Otherwise it does what RemoveChannels and AddChannels do.
func (s *Stream) ChangeChannels(add, remove []string) error {
	wish, err := newWish(add, remove)
	if err != nil {
		return err
	}
	_, err = s.change(wish)
	return err
}

// wish is a change of channels with valid names: two sorted lists without
// duplicates.
type wish struct{ add, remove []string }

// newWish checks and sorts the names. The errors wrap ErrTooLarge or
// ErrChannelName.
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

// change changes the stream's channels.
func (s *Stream) change(w wish) (done ChannelChange, err error) {
	if err = s.changeable(); err != nil {
		return done, err
	}
	add, err := s.gate.hub.attach(w.add)
	if errors.Is(err, ErrChannelFull) { // maybe because the stream itself has it
		w.add = s.missing(w)
		add, err = s.gate.hub.attach(w.add)
	}
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

// missing returns the channels to be added that the stream does not have, or will
// lose.
func (s *Stream) missing(w wish) []string {
	has := s.Channels()
	return slices.DeleteFunc(slices.Clone(w.add), func(name string) bool {
		return slices.Contains(has, name) && !slices.Contains(w.remove, name)
	})
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
	case s.state != stateSubscribed:
		return ErrNotSubscribed
	}
	return nil
}

// requestChannels sets the channels that the stream is to have. add holds
// channels that the caller has acquired; remove holds sorted names. It returns
// the channels that the caller must release: all of add if there is an error.
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
	case len(s.forbidden(fresh)) > 0:
		return ChannelChange{}, add, ErrForbidden
	case len(next.channels)+len(fresh) > MaxChannels:
		return ChannelChange{}, add, fmt.Errorf("%w: more than %d channels", ErrTooLarge, MaxChannels)
	case len(fresh)+len(removed) == 0:
		return done, unused, nil
	}
	held := indices(s.sub.channels) // channels that the subscriber holds
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

// begins returns, for each added channel, the entry up to which nothing is
// delivered. before holds the same for earlier changes.
func (t pendingChannels) begins(before map[*channel]uint64) map[*channel]uint64 {
	begins := make(map[*channel]uint64)
	for i, c := range t.channels {
		if at := max(t.skipThrough[i], before[c]); at > 0 {
			begins[c] = at
		}
	}
	return begins
}

// without returns the list without the named channels, and those of them that
// it had. names is sorted.
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

// indices returns the index of each channel in the list.
func indices(channels []*channel) map[*channel]int {
	at := make(map[*channel]int, len(channels))
	for i, c := range channels {
		at[c] = i
	}
	return at
}

// wakeDriver wakes the shard that drives the stream.
func (s *Stream) wakeDriver() {
	s.mu.Lock()
	owner := s.owner
	s.mu.Unlock()
	if owner != nil {
		owner.wake()
	}
}

// channelDelta is a change of a subscriber's channels.
type channelDelta struct {
	removed, added []*channel // the caller releases removed
	// align takes a list with one value for each old channel, such as
	// skipThrough or Query.Gone, and returns it with one value for each new
	// channel.
	align func(list []uint64) []uint64
}

// applyChannels gives the subscriber the channels that its stream is to have.
// The caller updates the channels' lists of subscribers.
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
		s.unreportedThrough = max(s.unreportedThrough, next.skipThrough[i]) // older entries are not delivered
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
		s.moveTo(s.cursor.Load()) // the cursor may be beyond skipThrough
	}
	if s.history != nil && s.history.Follows() {
		q := *s.history
		q.Gone = r.align(q.Gone)
		s.history = &q
	}
	return r
}
