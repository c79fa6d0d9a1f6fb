package boltstore

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core"
)

// writer is what the goroutine knows of the file, as of the last commit.
type writer struct {
	state

	known map[string]*channel // by name
	tombs int
	bytes uint64 // of all channels together
	swept bool   // whether there is something left to be swept up

	sinks  []core.Sink
	more   bool // whether there is more to trim than one transaction may
	failed error

	aging   *time.Timer
	agingAt time.Time // when it fires, or the zero time
}

// Bounds on one transaction, so that nobody waits for long.
const (
	groupRecords = 4096
	groupBytes   = 8 << 20
	trimBudget   = 4096
)

// run is the goroutine.
func (s *Store) run() {
	defer close(s.done)
	w := &s.writer
	defer w.aging.Stop()
	for {
		if w.more {
			select {
			case r := <-s.requests:
				s.serve(r)
			case <-s.closing:
				s.shut()
				return
			default:
				s.maintain()
			}
			continue
		}
		select {
		case r := <-s.requests:
			s.serve(r)
		case <-w.aging.C:
			w.agingAt = time.Time{}
			s.maintain()
		case <-s.closing:
			s.shut()
			return
		}
	}
}

// serve answers a request and all others that wait.
func (s *Store) serve(first *request) {
	// Those who were answered a moment ago may be about to come back.
	runtime.Gosched()
	group := []*request{first}
	records, bytes := 0, 0
	for r := first; ; {
		records += len(r.records)
		for i := range r.records {
			bytes += len(r.records[i].Body)
		}
		if records >= groupRecords || bytes >= groupBytes {
			break
		}
		select {
		case r = <-s.requests:
			group = append(group, r)
			continue
		default:
		}
		break
	}
	s.commit(group)
}

// commit does what a group asks for, all of it or nothing, and answers.
func (s *Store) commit(group []*request) {
	w := &s.writer
	answers := make([]answer, len(group))
	writes := false
	for i, r := range group {
		if r.sink != nil { // it gets what the group appends
			w.sinks = append(w.sinks, r.sink)
			answers[i].at = s.epochs.newest(w.head)
			continue
		}
		writes = true
	}
	if writes {
		err := s.transact(func(c *change) error {
			for i, r := range group {
				var err error
				switch {
				case r.sink != nil:
				case r.records == nil:
					err = c.forgetAll(r.forget)
				default:
					answers[i].entries, err = c.append(r.records)
				}
				if err != nil {
					return err
				}
			}
			return c.bound()
		})
		if err != nil {
			for i, r := range group {
				if r.sink == nil {
					answers[i] = answer{err: err}
				}
			}
		}
	}
	for i, r := range group {
		r.answer <- answers[i]
	}
}

// maintain trims what is too old or was left over.
func (s *Store) maintain() {
	now := time.Now()
	if err := s.transact((*change).maintain); err != nil {
		s.cfg.Logger.Warn("history is not trimmed", slog.Any("error", err))
		s.writer.more = false
		s.ageAt(now.Add(time.Second))
		return
	}
	s.ageNext(now)
}

// transact runs f in a transaction, commits it, and delivers what it appended.
func (s *Store) transact(f func(*change) error) error {
	w := &s.writer
	if w.failed != nil {
		return w.failed
	}
	c := &change{store: s, writer: w, now: time.Now()}
	err := guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			c.begin(tx)
			if err := f(c); err != nil {
				return err
			}
			return c.save()
		})
	})
	if err != nil {
		return s.fail(err)
	}
	c.adopt()
	for _, sink := range w.sinks {
		if len(c.appended) > 0 {
			sink.Deliver(c.appended)
		}
		for _, n := range c.notices {
			sink.Trimmed(n.channel, n.seq)
		}
	}
	s.ageFrom(c.touched)
	return nil
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
	w := &s.writer
	w.sinks = nil
	if w.failed != nil && errors.Is(w.failed, ErrDamaged) {
		// bbolt may have panicked with its locks held.
		s.closeErr = s.file.Close()
		return
	}
	if err := s.db.Close(); err != nil {
		s.closeErr = fmt.Errorf("tidings: closing the history file: %w", err)
	}
}
