package boltstore

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// writer is what the goroutine knows of the file, as of the last commit, and
// what is to go there.
type writer struct {
	state

	known   map[string]*channel // by name
	tombs   int
	bytes   uint64 // of all channels together
	unswept uint64 // bytes of the entries that are left of forgotten channels
	swept   bool   // whether anything is left of them

	sinks  []history.Sink
	more   bool          // whether there is more to remove than one transaction may
	rest   time.Duration // how long others have their turn before more is removed
	failed error         // why the store cannot go on

	pending pending

	aging   *time.Timer
	agingAt time.Time // when it fires, or the zero time
}

// Bounds on what one transaction appends for several callers, so that none of
// them waits long.
const (
	groupRecords = 4096
	groupBytes   = 8 << 20
)

// run is the goroutine.
func (s *Store) run() {
	defer close(s.done)
	w := &s.writer
	defer w.aging.Stop()
	defer w.pending.due.Stop()
	for {
		select {
		case r := <-s.requests:
			s.serve(r)
		case <-w.pending.due.C:
			s.settle()
		case <-w.aging.C:
			w.agingAt = time.Time{}
			s.maintain()
		case <-s.closing:
			s.shut()
			return
		}
	}
}

// serve does what is asked for, together with all else that is waiting.
func (s *Store) serve(r *request) {
	// Those who were answered a moment ago may be about to come back.
	runtime.Gosched()
	var group []*request
	records, bytes, commits := 0, 0, s.cfg.Sync == SyncAlways
	for r != nil {
		if r.sink != nil { // it gets what the group appends
			s.writer.sinks = append(s.writer.sinks, r.sink)
			r.answer <- answer{at: s.epochs.newest(s.writer.delivered())}
		} else {
			group = append(group, r)
		}
		records += len(r.records)
		for i := range r.records {
			bytes += len(r.records[i].Body)
		}
		commits = commits || r.records == nil
		if r = nil; records < groupRecords && bytes < groupBytes {
			select {
			case r = <-s.requests:
			default:
			}
		}
	}
	switch {
	case len(group) == 0:
	case !commits && s.note(group):
	default:
		s.commit(group)
	}
}

// delivered returns the newest entry that the sinks have.
func (w *writer) delivered() uint64 { return w.head + w.pending.records }

// commit does what a group asks for, all of it or nothing, and answers.
func (s *Store) commit(group []*request) {
	answers := make([]answer, len(group))
	err := s.transact(func(c *change) error {
		for i, r := range group {
			var err error
			switch {
			case r.records != nil:
				answers[i].entries, err = c.append(r.records)
			case r.forgets:
				err = c.forgetAll(r.forget)
			}
			if err != nil {
				return err
			}
		}
		return c.bound()
	})
	for i, r := range group {
		if err != nil {
			answers[i] = answer{err: err}
		}
		r.answer <- answers[i]
	}
}

// maintain trims what is too old or was left over.
func (s *Store) maintain() {
	now, began := s.now(), time.Now()
	if err := s.transact((*change).maintain); err != nil {
		s.cfg.Logger.Warn("history is not trimmed", slog.Any("error", err))
		s.ageAt(now.Add(time.Second))
		return
	}
	s.writer.rest = 3 * time.Since(began)
	s.ageNext(now)
}

// errNothing ends a transaction that changes nothing, since a commit would take
// as long as any other.
var errNothing = errors.New("nothing to commit")

// transact runs f in a transaction, after what is pending, commits it, and
// delivers what it appended.
func (s *Store) transact(f func(*change) error) error {
	w := &s.writer
	if w.failed != nil {
		return w.failed
	}
	c := &change{store: s, writer: w, now: s.now()}
	err := s.update(func(tx *bolt.Tx) error {
		c.begin(tx)
		if err := c.appendPending(); err != nil {
			return err
		}
		if err := f(c); err != nil {
			return err
		}
		return c.save()
	})
	if err != nil && !errors.Is(err, errNothing) {
		return s.fail(err)
	}
	c.adopt()
	s.dropPending()
	s.deliver(c.appended, c.notices)
	s.ageFrom(c.touched)
	return nil
}

// deliver hands to the sinks what was appended, and tells what was trimmed.
func (s *Store) deliver(entries []*history.Entry, notices []notice) {
	for _, sink := range s.writer.sinks {
		if len(entries) > 0 {
			sink.Deliver(entries)
		}
		for _, n := range notices {
			sink.Trimmed(n.channel, n.seq)
		}
	}
}

// fail says what an error of a transaction means for the store.
func (s *Store) fail(err error) error {
	w := &s.writer
	if errors.Is(err, ErrDamaged) {
		w.failed = err
		return err
	}
	// The transaction may be in the file all the same, if it was bringing it to
	// the disk that failed. Then this store cannot go on: it would give the same
	// positions again.
	var head uint64
	if again := s.view(func(v *view) error { head = v.head; return nil }); again != nil || head != w.head {
		w.failed = fmt.Errorf("tidings: history file must be opened again: %w", err)
		return w.failed
	}
	return fmt.Errorf("tidings: history file: %w", err)
}

// shut closes the file.
func (s *Store) shut() {
	s.writer.sinks = nil
	s.closeErr = s.settleForGood()
	if err := s.closeFile(); err != nil {
		s.closeErr = errors.Join(s.closeErr, fmt.Errorf("tidings: closing the history file: %w", err))
	}
}
