package core

import (
	"errors"
	"fmt"
	"slices"
)

// pendingChannels is the list of channels that a stream is to have; the
// goroutine that drives the stream applies it.
type pendingChannels struct {
	channels    []*channel // with a reference to each that the subscriber does not have
	skipThrough marks      // for the added channels: their newest entries at the request
	head        uint64     // the newest entry at the first pending request
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
	var kept, removed, fresh []*channel
	for _, c := range s.wanted() {
		if _, out := slices.BinarySearch(remove, c.name); out {
			removed = append(removed, c)
		} else {
			kept = append(kept, c)
		}
	}
	for _, c := range add {
		if slices.Contains(kept, c) {
			unused = append(unused, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	switch {
	case len(s.forbidden(fresh)) > 0:
		return done, add, ErrForbidden
	case len(kept)+len(fresh) > MaxChannels:
		return done, add, fmt.Errorf("%w: more than %d channels", ErrTooLarge, MaxChannels)
	case len(fresh)+len(removed) == 0:
		return done, unused, nil
	}
	x, head := s.ensureRare(), s.gate.hub.head.Load()
	next := pendingChannels{head: head}
	if x.pending != nil {
		next = *x.pending
	}
	for _, c := range removed {
		s.countOut(c)
	}
	unused = append(unused, without(removed, s.sub.channels)...)
	added := make(marks)
	for _, c := range fresh {
		s.countIn(c)
		added[c] = head
		if slices.Contains(s.sub.channels, c) {
			unused = append(unused, c)
		}
	}
	next.channels, next.skipThrough = slices.Concat(kept, fresh), next.skipThrough.of(kept).with(added)
	x.pending, x.begins = &next, x.begins.of(kept).with(added)
	s.changing.Store(true)
	s.noteSession(next.channels)
	return ChannelChange{Added: len(fresh), Removed: len(removed)}, unused, nil
}

// without returns the channels of a list that others does not have.
func without(list, others []*channel) (rest []*channel) {
	for _, c := range list {
		if !slices.Contains(others, c) {
			rest = append(rest, c)
		}
	}
	return rest
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

// applyChannels gives the subscriber the channels that its stream is to have.
// It returns the removed ones, for the caller to release, and what to skip of
// the added ones. The caller updates the channels' lists of subscribers.
func (s *subscriber) applyChannels() (removed []*channel, skipThrough marks) {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	st.changing.Store(false)
	x := st.ensureRare()
	next := x.pending
	if next == nil {
		return nil, nil
	}
	x.pending = nil
	removed, s.channels = without(s.channels, next.channels), next.channels
	s.unreportedThrough = max(s.unreportedThrough, next.skipThrough.last()) // older entries are not delivered
	s.skipThrough = s.skipThrough.with(next.skipThrough)
	if s.begun() {
		s.moveTo(s.cursor.Load()) // the cursor may be beyond skipThrough
	}
	return removed, next.skipThrough
}
