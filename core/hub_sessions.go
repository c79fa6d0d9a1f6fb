package core

import (
	"container/heap"
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// sessions are the channels of streams that had some added or removed, for when
// their clients come back.
type sessions struct {
	keep     time.Duration
	max      int
	maxBytes int // negative: no bound

	mu     sync.Mutex
	byName map[sessionName]*session
	bytes  int              // of all memories
	shares map[owner]*share // of each owner that has memories
	large  shareHeap        // the shares that have something to give up
	ended  list.List        // the memories of streams that have ended, the earliest first
}

// sessionName is what is remembered for whom: nobody finds what is another's.
type sessionName struct{ identity, name string }

// owner is the client that memories count for: an identity, or the network that
// streams without one come from.
type owner struct {
	identity string
	network  netip.Addr
}

// session is what is remembered of the streams of one name.
type session struct {
	name     sessionName
	share    *share
	channels []remembered
	bytes    int
	streams  int       // that are open
	touched  time.Time // when the last of them ended

	// inAll and inShare are where the memory stands in the lists of those whose
	// streams have ended; nil while one is open.
	inAll, inShare *list.Element
}

// remembered is a channel that a stream has, and the sequence number up to which
// it is not to get anything of it: where it was added.
type remembered struct {
	name  string
	floor uint64
}

// share is what all memories of one owner take.
type share struct {
	owner owner
	bytes int
	count int       // of memories
	ended list.List // those of streams that have ended, the earliest first
	at    int       // the index in large
}

// About what a memory costs beside its names, with a share of its own, and what
// a channel costs beside its name.
const (
	memoryOverhead     = 512
	rememberedOverhead = 24
)

// shareStep is by how many bytes shares differ at least: smaller ones count as
// the same, so that of these the earliest goes first.
const shareStep = 1 << 10

func (m *sessions) init(cfg HubConfig) {
	m.keep, m.max, m.maxBytes = cfg.SessionTTL, cfg.MaxSessions, cfg.MaxSessionBytes
	m.byName = make(map[sessionName]*session)
	m.shares = make(map[owner]*share)
}

// reopen returns the channels that a stream had, and counts one more that is
// open. The slice is not to be changed.
func (m *sessions) reopen(n sessionName) ([]remembered, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	one := m.byName[n]
	if one == nil {
		return nil, false
	}
	one.streams++
	m.unlist(one)
	return one.channels, true
}

// note takes down the channels of a stream, of which those that were there
// before have no floor: they keep theirs. It reports whether there was room.
// Otherwise nothing is remembered of the name, rather than what is no longer so.
func (m *sessions) note(n sessionName, o owner, channels []remembered, opened int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	one := &session{name: n, channels: channels, bytes: memoryOverhead + len(n.identity) + len(n.name), streams: opened}
	for _, c := range channels {
		one.bytes += rememberedOverhead + len(c.name)
	}
	if before := m.byName[n]; before != nil {
		one.inherit(before)
		m.remove(before)
	}
	m.expire(now)
	if !m.room(o, one.bytes) {
		return false
	}
	m.add(one, o)
	if one.streams <= 0 {
		m.list(one, now)
	}
	return true
}

// inherit takes over what stays of an earlier memory of the same name.
func (one *session) inherit(before *session) {
	one.streams += before.streams
	floors := make(map[string]uint64, len(before.channels))
	for _, c := range before.channels {
		floors[c.name] = c.floor
	}
	for i := range one.channels {
		c := &one.channels[i]
		c.floor = max(c.floor, floors[c.name])
	}
}

// close takes down that a stream has ended.
func (m *sessions) close(n sessionName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.byName[n]
	if one == nil {
		return
	}
	if one.streams--; one.streams <= 0 {
		m.list(one, time.Now())
	}
}

// expire drops what is too old.
func (m *sessions) expire(now time.Time) {
	for {
		first := front(&m.ended)
		if first == nil || now.Sub(first.touched) < m.keep {
			return
		}
		m.remove(first)
	}
}

// room reports whether there is room for a memory of an owner, and makes some if
// need be: of the owner with the largest share, the one goes whose stream ended
// first. Whoever has the largest share by now, and nothing to give up, finds no
// room: what is remembered for others does not go for that.
func (m *sessions) room(o owner, bytes int) bool {
	for len(m.byName) >= m.max || m.maxBytes >= 0 && m.bytes+bytes > m.maxBytes {
		if len(m.large) == 0 {
			return false
		}
		largest, mine := m.large[0], bytes
		if own := m.shares[o]; own != nil {
			mine += own.bytes
		}
		if largest.owner != o && largest.bytes/shareStep < mine/shareStep {
			return false
		}
		m.remove(front(&largest.ended))
	}
	return true
}

// add adds a memory to its owner's share.
func (m *sessions) add(one *session, o owner) {
	s := m.shares[o]
	if s == nil {
		s = &share{owner: o}
		m.shares[o] = s
	}
	one.share = s
	m.byName[one.name] = one
	s.count++
	m.grow(s, one.bytes)
}

// remove removes a memory.
func (m *sessions) remove(one *session) {
	s := one.share
	m.unlist(one)
	delete(m.byName, one.name)
	s.count--
	m.grow(s, -one.bytes)
	if s.count == 0 {
		delete(m.shares, s.owner)
	}
}

// grow changes the size of a share.
func (m *sessions) grow(s *share, by int) {
	m.bytes += by
	s.bytes += by
	if s.ended.Len() > 0 {
		heap.Fix(&m.large, s.at)
	}
}

// list puts a memory behind all others whose streams have ended.
func (m *sessions) list(one *session, now time.Time) {
	m.unlist(one)
	one.touched = now
	s := one.share
	one.inAll, one.inShare = m.ended.PushBack(one), s.ended.PushBack(one)
	if s.ended.Len() == 1 {
		heap.Push(&m.large, s)
	}
}

// unlist takes a memory off the lists of those whose streams have ended.
func (m *sessions) unlist(one *session) {
	if one.inAll == nil {
		return
	}
	s := one.share
	m.ended.Remove(one.inAll)
	s.ended.Remove(one.inShare)
	one.inAll, one.inShare = nil, nil
	if s.ended.Len() == 0 {
		heap.Remove(&m.large, s.at)
		return
	}
	heap.Fix(&m.large, s.at)
}

// front returns the first memory of a list, or nil.
func front(l *list.List) *session {
	first := l.Front()
	if first == nil {
		return nil
	}
	one, _ := first.Value.(*session) // lists hold nothing else
	return one
}

// shareHeap has the largest share first, and of those that are about the same
// the one whose first memory is the oldest. Each has one.
type shareHeap []*share

var _ heap.Interface = (*shareHeap)(nil)

// Len implements [heap.Interface].
func (h *shareHeap) Len() int { return len(*h) }

// Less implements [heap.Interface].
func (h *shareHeap) Less(i, j int) bool {
	a, b := (*h)[i], (*h)[j]
	if a.bytes/shareStep != b.bytes/shareStep {
		return a.bytes > b.bytes
	}
	return front(&a.ended).touched.Before(front(&b.ended).touched)
}

// Swap implements [heap.Interface].
func (h *shareHeap) Swap(i, j int) {
	s := *h
	s[i], s[j] = s[j], s[i]
	s[i].at, s[j].at = i, j
}

// Push implements [heap.Interface].
func (h *shareHeap) Push(x any) {
	s, _ := x.(*share) // it has nothing else
	s.at = len(*h)
	*h = append(*h, s)
}

// Pop implements [heap.Interface].
func (h *shareHeap) Pop() any {
	end := len(*h) - 1
	last := (*h)[end]
	(*h)[end] = nil
	*h = slices.Delete(*h, end, end+1)
	return last
}
