package core

// write holds entries to send to a member.
type write struct {
	entries  []*Entry // entries for this member
	frames   [][]byte // what is sent of each of them
	bytes    []byte   // all frames in one, or nil
	size     int      // of all frames together, in bytes
	from, to uint64   // the cursor before and after the write
	withheld uint64   // sequence number of the newest entry that is not for this member, or 0

	conflated int      // number of entries that newer ones took the place of
	traced    bool     // some entries have a trace
	replayed  bool     // the entries come from history
	reports   []report // what to tell observers
}

// eventsIn returns how many of the entries are, in whole or in part, in the first
// n bytes.
func (w write) eventsIn(n int) int {
	if n >= w.size {
		return len(w.entries)
	}
	events := 0
	for ; n > 0 && events < len(w.entries); events++ {
		n -= len(w.frames[events])
	}
	return events
}

// restOf returns what is missing of the last of the events that begin in the
// first n bytes, or nil.
func (w write) restOf(events, n int) []byte {
	for _, frame := range w.frames[:events-1] {
		n -= len(frame)
	}
	if frame := w.frames[events-1]; n < len(frame) {
		return frame[n:]
	}
	return nil
}

// prepare applies audience and filter to a batch. to is the cursor after the
// batch.
func (m *member) prepare(b batch, to uint64) (write, error) {
	l := write{entries: b.entries, from: m.sub.cursor.Load(), to: to}
	if m.filter != nil || b.directed() {
		err := m.stream.guard("filter", func() error {
			kept := b.scratch.merged[len(b.scratch.merged):]
			for _, e := range b.entries {
				if m.stream.lets(e, m.filter) {
					kept = append(kept, e)
				} else {
					l.withheld = e.Position.Seq
				}
			}
			l.entries = kept
			return nil
		})
		if err != nil {
			return write{}, err
		}
	}
	l.conflated = b.scratch.conflated
	wire, chunked := m.stream.wire(), m.body.chunked()
	for _, e := range l.entries {
		frame := wire.frame(e, chunked)
		l.traced = l.traced || e.Trace() != ""
		b.scratch.frames = append(b.scratch.frames, frame)
		l.size += len(frame)
	}
	l.frames = b.scratch.frames
	if len(l.frames) == 1 {
		l.bytes = l.frames[0]
	}
	return l, nil
}

// filter returns the stream's filter, or nil.
func (s *Stream) filter() func(Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rareCopy().filter
}

// lets reports whether an entry is for the stream: it is in the entry's
// audience, and keep, its filter, lets the event through.
func (s *Stream) lets(e *Entry, keep func(Delivery) bool) bool {
	return s.inAudience(e.To) && (keep == nil || keep(deliveryOf(e)))
}

// writeCache keeps the last write while a shard goes through its members.
// On a channel whose subscribers are all up to date, they all get the same
// bytes, which are joined once. Members that are sent other bytes, because their
// bodies are chunked or because of their dialect, have a cache of their own.
type writeCache struct {
	channel *channel
	last    write
	batch   batch  // memory of last
	joint   []byte // buffer for the bytes of several frames
	spare   batch  // memory of the write before, if it was not cached
}

// next returns the entries after the member's cursor. The result is valid
// until the next call.
func (w *writeCache) next(m *member, head uint64) (write, error) {
	w.spare.release()
	w.spare = batch{}
	s := m.sub
	shared := m.filter == nil && len(s.channels) == 1 && s.skipThrough == nil
	if shared && w.channel == s.channels[0] && w.last.from == s.cursor.Load() {
		return w.last, nil
	}
	b, to, err := s.peek(head)
	if err != nil {
		return write{}, err
	}
	if len(b.entries) == 0 {
		b.release()
		return write{from: s.cursor.Load(), to: to}, nil
	}
	l, err := m.prepare(b, to)
	if err != nil || !shared || b.directed() {
		w.spare = b
		return l, err
	}
	if l.bytes == nil {
		w.joint = w.joint[:0]
		for _, f := range l.frames {
			w.joint = append(w.joint, f...)
		}
		l.bytes = w.joint
	}
	w.batch.release()
	w.channel, w.last, w.batch = s.channels[0], l, b
	return l, nil
}

// maxJoint bounds the buffer that a round keeps for the next one, in bytes.
const maxJoint = 2 * batchBytes

// reset releases all cached batches.
func (w *writeCache) reset() {
	w.spare.release()
	w.batch.release()
	joint := w.joint
	if cap(joint) > maxJoint {
		joint = nil
	}
	*w = writeCache{joint: joint[:0]}
}
