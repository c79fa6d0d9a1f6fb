package natsstore

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// An epoch begins with a message in the stream. The events after it have the
// sequence numbers after Base + Skip: a position is thus a number of the stream,
// shifted.

// segment is an epoch, and where in the stream it begins.
type segment struct {
	ID   uint64 `json:"id"`
	Base uint64 `json:"base"`
	Skip uint64 `json:"skip"`
	From uint64 `json:"from"` // the stream's sequence number of the message; 0 in the message itself
}

// epochMessage begins an epoch.
type epochMessage struct {
	// Origin identifies the storage: it is another one when the stream was emptied.
	Origin uint64 `json:"origin"`
	// Marks are what servers were known by, newest last.
	Marks []string `json:"marks"`
	// Start is the sequence number after which the events of the epoch follow.
	Start uint64 `json:"start"`
	// ID is that of the epoch.
	ID uint64 `json:"id"`
	// Before are the epochs before, oldest first.
	Before []segment `json:"before"`
}

const (
	maxSegments = 64
	maxMarks    = 32
	maxMark     = 256
)

var errEpoch = errors.New("tidings: nats: the message that begins the epoch is not one")

func parseEpoch(data []byte) (m epochMessage, err error) {
	if len(data) > 1<<16 || json.Unmarshal(data, &m) != nil || m.ID == 0 || m.Origin == 0 ||
		len(m.Before) >= maxSegments || len(m.Marks) > maxMarks || m.Start > math.MaxInt64 {
		return m, errEpoch
	}
	last := segment{}
	for i, s := range m.Before {
		if s.ID == 0 || s.From <= last.From || i > 0 && s.Base < last.Base || s.Base > math.MaxInt64 || s.Skip > math.MaxInt64 {
			return m, errEpoch
		}
		last = s
	}
	return m, nil
}

// order is the order of the events: what position each has, and what is newest.
type order struct {
	origin   uint64
	marks    []string
	epochs   history.Epochs
	segments []segment
	head     uint64 // sequence number of the newest event
	seq      uint64 // of the newest message of the stream that was read
	trail    [64]step
	steps    int
	recent   recent
}

// step is a message of the stream.
type step struct {
	seq   uint64
	stamp int64
}

// begin begins the epoch of a message.
func (o *order) begin(m epochMessage, seq uint64) {
	base := uint64(0)
	if len(m.Before) > 0 {
		base = o.with(m.Before).at(seq - 1).Seq
	}
	start := max(m.Start, base)
	o.origin, o.marks = m.Origin, m.Marks
	o.segments = append(slices.Clone(m.Before), segment{ID: m.ID, Base: base, Skip: start - base, From: seq})
	o.setEpochs()
}

// with returns an order with these epochs.
func (o *order) with(segments []segment) *order {
	other := &order{segments: segments}
	other.setEpochs()
	return other
}

func (o *order) setEpochs() {
	o.epochs = nil
	for _, s := range o.segments {
		o.epochs = append(o.epochs, history.Epoch{ID: s.ID, Base: s.Base, Skip: s.Skip})
	}
}

// at returns the position of the message with a sequence number of the stream. It
// is zero if that is of no epoch that is known.
func (o *order) at(seq uint64) history.Position {
	for _, s := range slices.Backward(o.segments) {
		if seq >= s.From {
			return history.Position{Epoch: s.ID, Seq: s.Base + s.Skip + seq - s.From}
		}
	}
	return history.Position{}
}

// last returns the newest epoch.
func (o *order) last() segment { return o.segments[len(o.segments)-1] }

// newest returns the newest position.
func (o *order) newest() history.Position { return o.epochs.Newest(o.head) }

// knowsMark reports whether the server is one of those that the epoch knows.
func (o *order) knowsMark(mark string) bool { return slices.Contains(o.marks, mark) }

// passed remembers a message that was read.
func (o *order) passed(seq uint64, stamp time.Time) {
	o.seq = seq
	o.trail[o.steps%len(o.trail)] = step{seq, stamp.UnixNano()}
	o.steps++
}

// back returns the newest messages that were read, newest first.
func (o *order) back() (steps []step) {
	for i := range min(o.steps, len(o.trail)) {
		steps = append(steps, o.trail[(o.steps-1-i)%len(o.trail)])
	}
	return steps
}

// next returns the message that begins the next epoch, after a head that was known.
func (o *order) nextEpoch(mark string, head uint64) epochMessage {
	m := epochMessage{Origin: o.origin, ID: history.NewEpoch(), Start: history.EpochStart(max(head, o.head), time.Now())}
	m.Marks = append(slices.Clone(o.marks[max(0, len(o.marks)-maxMarks+1):]), mark)
	m.Before = o.segments[max(0, len(o.segments)-maxSegments+1):]
	return m
}

// firstEpoch returns the message that begins the first epoch of an empty storage.
func firstEpoch(mark string, head uint64, fresh bool) epochMessage {
	m := epochMessage{Origin: history.NewEpoch(), ID: history.NewEpoch(), Marks: []string{mark}}
	if !fresh {
		m.Start = history.EpochStart(head, time.Now())
	}
	return m
}

// recent remembers the newest messages, by call, so that one that was sent again
// is not taken twice.
type recent struct {
	known map[recentKey]struct{}
	queue []recentKey // a ring: the next one goes to n
	n     int
}

// maxRecent is how many messages are remembered.
const maxRecent = 1 << 15

type recentKey struct {
	callID

	part int
}

// repeats reports whether a message came before, and remembers it.
func (r *recent) repeats(m message) bool {
	k := recentKey{m.call, m.part}
	if _, ok := r.known[k]; ok {
		return true
	}
	if r.known == nil {
		r.known = make(map[recentKey]struct{})
	}
	if r.known[k] = struct{}{}; len(r.queue) < maxRecent {
		r.queue = append(r.queue, k)
		return false
	}
	delete(r.known, r.queue[r.n])
	r.queue[r.n] = k
	r.n = (r.n + 1) % maxRecent
	return false
}
