package core

// write is what is about to be sent on a hijacked connection.
type write struct {
	entries  []*Entry // those that are for it
	frames   [][]byte // what they look like on the wire, unless bytes is it
	bytes    []byte
	size     int    // of all frames together
	from, to uint64 // the cursor before and behind it
	withheld uint64 // the newest that is not for it, or 0
}

// prepare returns what is sent of a batch whose end lies at to.
func (o *hijackedConn) prepare(b batch, to uint64) (write, error) {
	l := write{entries: b.entries, from: o.sub.cursor.Load(), to: to}
	if o.filter != nil || b.directed() {
		err := o.stream.guard("filter", func() error {
			kept := b.scratch.merged[len(b.scratch.merged):]
			for _, e := range b.entries {
				if o.stream.lets(e, o.filter) {
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
	for _, e := range l.entries {
		b.scratch.frames = append(b.scratch.frames, e.Frame())
		l.size += len(e.Frame())
	}
	l.frames = b.scratch.frames
	if len(l.frames) == 1 {
		l.bytes, l.frames = l.frames[0], nil
	}
	return l, nil
}

// writeCache keeps the write that was prepared last while a shard goes through its
// connections: on a channel whose subscribers are all up to date, all get the
// same, and its bytes are put together once.
type writeCache struct {
	head    uint64 // up to where the events go out this time; what comes later, the next round sends
	channel *channel
	last    write
	batch   batch  // what last stands in
	joint   []byte // room for the bytes of several frames
	spare   batch  // what the write before stands in, if it was not kept
}

// next returns what follows the connection's cursor. It is valid until the
// next call.
func (w *writeCache) next(o *hijackedConn) (write, error) {
	w.spare.release()
	w.spare = batch{}
	s := o.sub
	shared := o.filter == nil && len(s.channels) == 1 && s.skipThrough == nil
	if shared && w.channel == s.channels[0] && w.last.from == s.cursor.Load() {
		return w.last, nil
	}
	b, to, err := s.peek(w.head)
	if err != nil {
		return write{}, err
	}
	if len(b.entries) == 0 {
		b.release()
		return write{from: s.cursor.Load(), to: to}, nil
	}
	l, err := o.prepare(b, to)
	if err != nil || !shared || b.directed() {
		w.spare = b
		return l, err
	}
	if l.frames != nil {
		w.joint = w.joint[:0]
		for _, f := range l.frames {
			w.joint = append(w.joint, f...)
		}
		l.bytes, l.frames = w.joint, nil
	}
	w.batch.release()
	w.channel, w.last, w.batch = s.channels[0], l, b
	return l, nil
}

// maxJoint is how much room a sweep keeps for the next one.
const maxJoint = 2 * batchBytes

// reset lets go of everything.
func (w *writeCache) reset() {
	w.spare.release()
	w.batch.release()
	joint := w.joint
	if cap(joint) > maxJoint {
		joint = nil
	}
	*w = writeCache{joint: joint[:0]}
}
