package natsstore

import "context"

// look is what the tail finds before it reads.
type look struct {
	server string // of the connection
	mark   string
	info   streamInfo
	begun  epochMessage
	at     uint64 // the number of begun
}

// look finds out what stream there is, and in which epoch. It begins one if that
// is due.
func (s *Store) look(ctx context.Context) (l look, err error) {
	l.server = s.conn.ConnectedServerId()
	if l.info, err = s.info(ctx); isCode(err, codeStreamNotFound) {
		if err = s.create(ctx); err == nil {
			l.info, err = s.info(ctx)
		}
	}
	if err != nil {
		return l, err
	}
	l.mark = markOf(l.info, l.server)
	m, err := s.lastOn(ctx, s.cfg.Stream, s.subjects.epoch())
	if isCode(err, codeMessageNotFound) {
		return l, s.beginFirst(ctx, l, 0)
	}
	if err != nil {
		return l, err
	}
	if l.begun, err = parseEpoch(m.Data); err != nil {
		return l, err
	}
	if l.at = m.Seq; l.info.State.First > l.at {
		return l, errAgain // it was removed right now
	}
	o := new(order)
	o.begin(l.begun, l.at)
	if !o.knowsMark(l.mark) {
		return l, s.beginNext(ctx, o, l)
	}
	return l, nil
}

// markOf returns what a server's state is known by: another mark may mean that it
// has lost its newest messages.
func markOf(info streamInfo, server string) string {
	mark := "server " + server
	if c := info.Cluster; c != nil {
		mark = "leader " + c.Leader
		if c.Since != nil {
			mark += c.Since.UTC().Format(" 2006-01-02T15:04:05.000000000")
		}
	}
	return mark[:min(len(mark), maxMark)]
}

// agrees reports whether the stream goes on where the index ends.
func (s *Store) agrees(ctx context.Context, x *index, l look) bool {
	st := l.info.State
	s.mu.Lock()
	steps, created := x.back(), s.created
	bad := x.origin != l.begun.Origin || !created.Equal(l.info.Created) || st.Last < x.seq || st.First > x.seq+1 || len(steps) == 0
	s.mu.Unlock()
	if bad {
		return false
	}
	for _, one := range steps {
		m, err := s.get(ctx, s.cfg.Stream, map[string]any{"seq": one.seq})
		if !isCode(err, codeMessageNotFound) {
			return err == nil && m.Time.UnixNano() == one.stamp
		}
	}
	return false
}
