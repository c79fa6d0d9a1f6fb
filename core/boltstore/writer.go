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

// writer is the state of the store's goroutine: the file as of the last commit,
// and the records to be committed.
type writer struct {
	state
	sums

	known  map[string]*channel // by name
	sinks  []history.Sink
	pause  time.Duration // pause before more is removed, for other requests
	failed error         // why the store cannot continue, or nil

	pending pending

	aging   *time.Timer
	agingAt time.Time // when aging fires; zero if it does not run
}

// sums are counted when the file is opened, and kept up to date.
type sums struct {
	tombs   int    // number of tombs
	bytes   uint64 // of all channels together
	unswept uint64 // bytes that are left of forgotten channels
	swept   bool   // something is left of forgotten channels
	more    bool   // there is more to remove than one transaction may
}

// Bounds on what one transaction appends for several callers, so that none
// waits long.
const (
	groupRecords = 4096
	groupBytes   = 8 << 20
)

// run is the store's goroutine.
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
			s.commitPending()
		case <-w.aging.C:
			w.agingAt = time.Time{}
			s.maintain()
		case <-s.closing:
			s.shut()
			return
		}
	}
}

// serve handles a request together with all others that are waiting.
func (s *Store) serve(r *request) {
	// Callers that were just answered may be about to send again.
	runtime.Gosched()
	var group []*request
	records, bytes, commits := 0, 0, s.cfg.Sync == SyncAlways
	for r != nil {
		if r.sink != nil { // it gets the group's entries
			s.writer.sinks = append(s.writer.sinks, r.sink)
			r.answer <- answer{at: s.epochs.Newest(s.writer.delivered())}
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
	case !commits && s.appendToJournal(group):
	default:
		s.commit(group)
	}
}

// delivered returns the newest entry that was delivered to the sinks.
func (w *writer) delivered() uint64 { return w.head + w.pending.records }

// commit handles all requests of a group, or none, in one transaction, and
// answers them.
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

// maintain runs a transaction that removes entries that are too old or were
// left over.
func (s *Store) maintain() {
	now, began := s.now(), time.Now()
	if err := s.transact((*change).maintain); err != nil {
		s.cfg.Logger.Warn("history is not trimmed", slog.Any("error", err))
		s.ageBy(now.Add(time.Second))
		return
	}
	s.writer.pause = 3 * time.Since(began)
	s.ageNext(now)
}

// errNothing ends a transaction that changes nothing, to save the commit.
var errNothing = errors.New("nothing to commit")

// transact runs f in a transaction after the pending records, commits it, and
// delivers the appended entries.
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

// deliver passes the appended entries and the notices of trimmed channels to
// the sinks.
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

// fail returns the error for a failed transaction, and records if the store
// cannot continue.
func (s *Store) fail(err error) error {
	w := &s.writer
	if errors.Is(err, ErrDamaged) {
		w.failed = err
		return err
	}
	// If the sync to the disk failed, the transaction may be in the file all
	// the same. This store then cannot continue: it would give the same
	// positions again.
	var head uint64
	if bad := s.view(func(v *view) error { head = v.head; return nil }); bad != nil || head != w.head {
		w.failed = fmt.Errorf("tidings: history file must be opened again: %w", err)
		return w.failed
	}
	return fmt.Errorf("tidings: history file: %w", err)
}

// shut closes the file.
func (s *Store) shut() {
	s.writer.sinks = nil
	s.closeErr = s.commitLast()
	if err := s.closeFile(); err != nil {
		s.closeErr = errors.Join(s.closeErr, fmt.Errorf("tidings: closing the history file: %w", err))
	}
}
