package core

// write holds the bytes to send on a hijacked connection.
type write struct {
	entries  []*Entry // entries for this connection
	frames   [][]byte // their frames; nil if bytes holds them
	bytes    []byte
	size     int    // of all frames together, in bytes
	from, to uint64 // the cursor before and after the write
	withheld uint64 // sequence number of the newest entry that is not for this connection, or 0
}

// prepare applies audience and filter to a batch. to is the cursor after the
// batch.
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

// writeCache keeps the last write while a shard goes through its connections.
// On a channel whose subscribers are all up to date, they all get the same
// bytes, which are joined once.
type writeCache struct {
	head    uint64 // sequence number up to which this round sends; the next round sends later entries
	channel *channel
	last    write
	batch   batch  // memory of last
	joint   []byte // buffer for the bytes of several frames
	spare   batch  // memory of the write before, if it was not cached
}

// next returns the entries after the connection's cursor. The result is valid
// until the next call.
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
