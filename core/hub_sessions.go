package core

import (
	"container/heap"
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// sessions keeps the channels of streams whose channels were changed, so that a
// client that reconnects gets them back.
type sessions struct {
	keep     time.Duration
	max      int
	maxBytes int // in bytes; negative: no bound

	mu     sync.Mutex
	byName map[sessionName]*session
	bytes  int              // size of all sessions, about
	shares map[owner]*share // for each owner that has sessions
	large  shareHeap        // the shares with sessions that can be dropped
	ended  list.List        // the *session values without an open stream, earliest end first
}

// sessionName identifies a session. The identity is part of it, so that no
// client finds a session of another identity.
type sessionName struct{ identity, name string }

// owner is the client that a session counts for: an identity or, for streams
// without one, the network of the peer.
type owner struct {
	identity string
	network  netip.Addr
}

// session holds the channels of the streams that share a session key.
type session struct {
	name     sessionName
	share    *share
	channels []remembered
	bytes    int
	streams  int       // number of open streams
	touched  time.Time // when the last stream ended

	// inAll and inShare are the session's elements in the ended lists of sessions
	// and of share. They are nil while a stream is open.
	inAll, inShare *list.Element
}

// remembered is a channel of a stream. Entries up to sequence number floor,
// where the channel was added, are not delivered; 0 means no floor.
type remembered struct {
	name  string
	floor uint64
}

// share accounts for all sessions of one owner.
type share struct {
	owner owner
	bytes int
	count int       // number of sessions
	ended list.List // the *session values without an open stream, earliest end first
	at    int       // index in large
}

// Approximate overhead in bytes: of a session with a share of its own, beside
// its names, and of a channel, beside its name.
const (
	memoryOverhead     = 512
	rememberedOverhead = 24
)

// shareStep is the granularity of comparing shares, in bytes. Among shares of
// about the same size, the one with the earliest end goes first.
const shareStep = 1 << 10

func (m *sessions) init(cfg HubConfig) {
	m.keep, m.max, m.maxBytes = cfg.SessionTTL, cfg.MaxSessions, cfg.MaxSessionBytes
	m.byName = make(map[sessionName]*session)
	m.shares = make(map[owner]*share)
}

// reopen returns the channels of a session, and counts one more open stream.
// The caller must not change the slice.
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

// note stores the channels of a stream. Channels that the session already has
// keep their floor; the caller passes none for them. opened is the change of
// the number of open streams. note reports whether there was room. If there was
// none, the hub forgets the session, rather than keep channels that are out of
// date.
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

// inherit takes over the open streams and the floors of an earlier session with
// the same name.
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

// close records that a stream of the session has ended.
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

// expire drops sessions whose last stream ended at least keep ago.
func (m *sessions) expire(now time.Time) {
	for {
		first := front(&m.ended)
		if first == nil || now.Sub(first.touched) < m.keep {
			return
		}
		m.remove(first)
	}
}

// room reports whether there is room for a session of an owner. If need be, it
// makes room: it drops the session that ended first, of the owner with the
// largest share. There is no room if the new session would make its owner's
// share larger than every share with a session to drop: sessions of other
// owners are not dropped for it.
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

// add adds a session to its owner's share.
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

// remove removes a session.
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

// grow changes the size of a share by a number of bytes.
func (m *sessions) grow(s *share, by int) {
	m.bytes += by
	s.bytes += by
	if s.ended.Len() > 0 {
		heap.Fix(&m.large, s.at)
	}
}

// list appends a session to the lists of sessions without an open stream.
func (m *sessions) list(one *session, now time.Time) {
	m.unlist(one)
	one.touched = now
	s := one.share
	one.inAll, one.inShare = m.ended.PushBack(one), s.ended.PushBack(one)
	if s.ended.Len() == 1 {
		heap.Push(&m.large, s)
	}
}

// unlist removes a session from the lists of sessions without an open stream.
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

// front returns the first session of a list, or nil.
func front(l *list.List) *session {
	first := l.Front()
	if first == nil {
		return nil
	}
	one, _ := first.Value.(*session) // the lists hold only sessions
	return one
}

// shareHeap orders shares by size, largest first. Among shares of about the
// same size, the one whose first ended session is the oldest comes first. Each
// share in the heap has an ended session.
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
	s, _ := x.(*share) // the heap holds only shares
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
