package natsstore

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// applyAtOnce is how many messages are taken in one step.
const applyAtOnce = 512

// errAgain means that the tail is to begin anew, although the server is there.
var errAgain = errors.New("the stream has changed")

// follow reads the stream until life ends. Whenever anything is out of order, it
// looks at the stream and begins anew.
func (s *Store) follow() {
	const least = 10 * time.Millisecond
	pause := least
	for s.life.Err() == nil {
		err := s.tail()
		was := s.unready()
		if s.life.Err() != nil {
			return
		}
		if was {
			pause = least
		}
		if errors.Is(err, context.DeadlineExceeded) {
			s.silent.Add(1)
		}
		if !errors.Is(err, errAgain) {
			_ = s.health.Gone(s.life, err)
			s.announce()
		}
		if !sharedstore.Rest(s.life, pause) {
			return
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// announce wakes those who wait for a change of ready or health.
func (s *Store) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announceLocked()
}

func (s *Store) announceLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// unready says that the index does not follow the stream any more. It reports
// whether it did.
func (s *Store) unready() (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, s.followed = s.followed, false
	s.ready, s.interrupt = false, nil
	s.announceLocked()
	return was
}

// suspect has the tail begin anew.
func (s *Store) suspect(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt != nil {
		s.ready = false
		s.interrupt(err)
		s.announceLocked()
	}
}

// tail looks at the stream, reads it, and follows it until anything is out of
// order.
func (s *Store) tail() error {
	ctx, cancel := context.WithCancelCause(s.life)
	defer cancel(nil)
	s.mu.Lock()
	s.interrupt = cancel
	s.mu.Unlock()
	if err := s.connected(ctx); err != nil {
		return err
	}
	l, err := s.look(ctx)
	if err != nil {
		return err
	}
	old := s.current()
	x := old
	if old == nil || !s.agrees(ctx, old, l) {
		x = s.fresh()
		x.begin(l.begun, l.at)
		x.seq = x.segments[0].From
	}
	events, err := s.read(ctx, s.cfg.Stream, x.seq+1)
	if err != nil {
		return err
	}
	defer events.close(s)
	if err = s.load(ctx, events, x, old, l); err != nil {
		return err
	}
	state, err := s.loadState(ctx, x)
	if err != nil {
		return err
	}
	defer state.close(s)
	if err := s.replace(ctx, x, old, l); err != nil {
		return err
	}
	done := make(chan struct{})
	defer func() { cancel(nil); <-done }()
	go func() {
		defer close(done)
		cancel(s.followState(ctx, state, x))
	}()
	return s.live(ctx, events, x)
}

// connected waits a moment for the connection.
func (s *Store) connected(ctx context.Context) error {
	for range 20 {
		switch {
		case s.conn.IsConnected():
			return nil
		case s.conn.IsClosed():
			return nats.ErrConnectionClosed
		case !sharedstore.Rest(ctx, 10*time.Millisecond):
			return context.Cause(ctx)
		}
	}
	return nats.ErrDisconnected
}

func (s *Store) current() *index {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index
}

// fresh returns an empty index.
func (s *Store) fresh() *index {
	var x *index
	x = newIndex(s.cfg, func(channel string, gone uint64) {
		if x.loaded {
			s.tellTrimmed(channel, gone)
		}
	})
	return x
}

// load reads the stream to its end. If old is another index, what is read is
// compared with it.
func (s *Store) load(ctx context.Context, events *reader, x, old *index, l look) error {
	differs := false
	known := make(map[uint64]int64)
	if old != nil && x != old {
		for _, one := range old.back() {
			known[one.seq] = one.stamp
		}
	}
	for events.pending > 0 {
		run, err := s.run(ctx, events)
		if err != nil {
			return err
		}
		for _, m := range run {
			stamp, ok := known[m.seq]
			differs = differs || ok && stamp != m.stamp.UnixNano() && old.at(m.seq) == x.at(m.seq)
		}
		if err := s.apply(x, run); err != nil {
			return err
		}
	}
	if x == old {
		return nil
	}
	s.mu.Lock()
	if last := l.info.State.Last; x.seq < last { // the newest messages were removed
		x.seq = last
	}
	x.head = x.at(x.seq).Seq
	s.mu.Unlock()
	switch {
	case old == nil:
		return nil
	case differs:
		// The same position stands for two events.
		return s.beginFirst(ctx, l, max(x.head, old.head))
	case !x.epochs.Knows(old.newest()) || x.head < old.head && x.epochs.Newest(0) == old.epochs.Newest(0):
		if last := x.last(); last.ID == old.last().ID || last.Base+last.Skip <= old.head {
			return s.beginNextAfter(ctx, &x.order, l, old.head)
		}
	}
	return nil
}

// run returns the next messages that have come, and never only some of those that
// were published together, if they come at once.
func (s *Store) run(ctx context.Context, events *reader) ([]streamMsg, error) {
	m, err := events.next(ctx)
	if err != nil {
		return nil, err
	}
	run := append(make([]streamMsg, 0, 1+min(events.waiting(), applyAtOnce)), m)
	for events.pending > 0 && (len(run) < applyAtOnce && events.waiting() > 0 || followed(run[len(run)-1])) {
		if m, err = events.next(ctx); err != nil {
			return nil, err
		}
		run = append(run, m)
	}
	return run, nil
}

// followed reports whether a message belongs to the same call as the next one.
func followed(m streamMsg) bool {
	one, err := parseMessage(m.data)
	return err == nil && one.part+1 < one.parts
}

// replace makes x the index of the store.
func (s *Store) replace(ctx context.Context, x, old *index, l look) error {
	if err := s.checkOrigin(ctx, x); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if x != old {
		x.loaded = true
		x.reclaim()
		s.index, s.created = x, l.info.Created
		if old != nil {
			s.restarted(x.newest(), true)
		}
	}
	s.ready, s.followed, s.server = true, true, l.server
	s.silent.Store(0)
	s.trust()
	return nil
}

// live delivers what comes.
func (s *Store) live(ctx context.Context, events *reader, x *index) error {
	for {
		run, err := s.run(ctx, events)
		if err == nil {
			err = s.apply(x, run)
		}
		if err != nil {
			return err
		}
	}
}
