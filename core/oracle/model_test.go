package oracle_test

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// model is the log of one run: what was published, under which IDs, and between
// which stamps of a logical clock. It knows nothing of how events are delivered.
type model struct {
	clock atomic.Int64

	mu        sync.Mutex
	moved     sync.Cond // signalled when published or over changes; its L is mu
	published int
	over      bool // nothing more is published, but for the last events

	epochs map[string]int // the number of each generation, by its epoch's text
	gens   []*generation
	own    map[string]*event // by the app's own ID
	forgot []forgetting
}

// generation contains the events of one epoch, by sequence number from 1.
type generation struct {
	events   []*event // the first is nil
	channels map[string][]*event
	forgot   []forgetting
}

// forgetting is a call of Forget for a channel.
type forgetting struct {
	gen        int
	channel    string
	start, end int64
}

func newModel() *model {
	m := &model{epochs: make(map[string]int), own: make(map[string]*event)}
	m.moved.L = &m.mu
	return m
}

// now returns a stamp: later than all before.
func (m *model) now() int64 { return m.clock.Add(1) }

// parsePosition splits the text of a position.
func parsePosition(id string) (epoch string, seq uint64, ok bool) {
	epoch, text, ok := strings.Cut(id, "-")
	if !ok || epoch == "" || strings.Trim(epoch, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	return epoch, seq, err == nil && strconv.FormatUint(seq, 10) == text
}

// begin records an epoch.
func (m *model) begin(epoch string) (gen int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gen, ok := m.epochs[epoch]
	if !ok {
		gen = len(m.gens)
		m.epochs[epoch] = gen
		m.gens = append(m.gens, &generation{events: make([]*event, 1)})
	}
	return gen
}

// locate returns the generation and the sequence number that an ID stands for.
func (m *model) locate(id string) (gen int, seq uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.own[id]; e != nil {
		return e.gen, e.seq, true
	}
	epoch, seq, ok := parsePosition(id)
	if !ok {
		return 0, 0, false
	}
	gen, ok = m.epochs[epoch]
	return gen, seq, ok
}

// record records an event at its position. An event that was published with a
// key may be recorded again.
func (m *model) record(gen int, seq uint64, e *event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.gen, e.seq, e.frame = gen, seq, encode(e.ev, e.id)
	g := m.gens[gen]
	for uint64(len(g.events)) <= seq {
		g.events = append(g.events, nil)
	}
	if before := g.events[seq]; before != nil {
		return fmt.Errorf("events %d and %d have the same position %d", before.number, e.number, seq)
	}
	g.events[seq] = e
	if e.ev.ID != "" {
		m.own[e.ev.ID] = e
	}
	m.published++
	m.moved.Broadcast()
	return nil
}

// head returns the newest sequence number that was recorded.
func (m *model) head(gen int) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.gens[gen].events) - 1)
}

// ended reports whether nothing more is published.
func (m *model) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.over
}

// await blocks until this many more events were published, or publishing ends.
func (m *model) await(more int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until := m.published + more
	for m.published < until && !m.over {
		m.moved.Wait()
	}
}

// finish records that nothing more is published.
func (m *model) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	m.moved.Broadcast()
}

// index prepares the log for queries. It returns an error if positions are
// missing, which means an event that was not published, or a wrong ID.
func (m *model) index() error {
	for n, g := range m.gens {
		g.channels = make(map[string][]*event)
		type about struct {
			channel, to, key string
		}
		latest := make(map[about]*event)
		possible := int64(0)
		for seq, e := range g.events[1:] {
			if e == nil {
				return fmt.Errorf("generation %d has no event %d of %d", n, seq+1, len(g.events)-1)
			}
			possible = max(possible, e.start)
			e.possible = possible
			e.index = len(g.channels[e.channel])
			g.channels[e.channel] = append(g.channels[e.channel], e)
			if e.ev.Key != "" {
				k := about{e.channel, e.to.String(), e.ev.Key}
				if before := latest[k]; before != nil {
					before.next = e
				}
				latest[k] = e
			}
		}
		sure := int64(math.MaxInt64)
		for i := len(g.events) - 1; i > 0; i-- {
			sure = min(sure, g.events[i].end)
			g.events[i].sure = sure
		}
		for _, f := range m.forgot {
			if f.gen == n {
				g.forgot = append(g.forgot, f)
			}
		}
	}
	return nil
}

// least returns the newest event that was certainly appended at a stamp, most
// the newest that may have been.
func (g *generation) least(stamp int64) uint64 {
	return uint64(sort.Search(len(g.events)-1, func(i int) bool { return g.events[i+1].sure >= stamp }))
}

func (g *generation) most(stamp int64) uint64 {
	return uint64(sort.Search(len(g.events)-1, func(i int) bool { return g.events[i+1].possible >= stamp }))
}

// later returns the n-th event after e on its channel, or nil.
func (g *generation) later(e *event, n int) *event {
	if list := g.channels[e.channel]; e.index+n < len(list) {
		return list[e.index+n]
	}
	return nil
}

// maybeTrimmed reports whether an event may have left history at a stamp, if
// each channel keeps this many events.
func (g *generation) maybeTrimmed(e *event, keep int, stamp int64) bool {
	if x := g.later(e, keep); x != nil && x.possible < stamp {
		return true
	}
	for _, f := range g.forgot {
		if f.channel == e.channel && f.start < stamp && e.possible < f.end {
			return true
		}
	}
	return false
}

// surelyTrimmed reports whether it certainly had.
func (g *generation) surelyTrimmed(e *event, keep int, stamp int64) bool {
	if x := g.later(e, keep); x != nil && x.sure < stamp {
		return true
	}
	for _, f := range g.forgot {
		if f.channel == e.channel && f.end < stamp && e.sure < f.start {
			return true
		}
	}
	return false
}

// leftRing reports whether one of a channel's events after a position may have
// left a ring of so many events at a stamp.
func (g *generation) leftRing(channel string, after uint64, ring int, stamp int64) bool {
	list := g.channels[channel]
	i := sort.Search(len(list), func(i int) bool { return list[i].seq > after })
	return i+ring < len(list) && list[i+ring].possible < stamp
}
