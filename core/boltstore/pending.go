package boltstore

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// pending holds the records that SyncInterval has delivered and written to the
// journal, but not to the history yet.
type pending struct {
	journal journal
	batches []batch
	records uint64
	bytes   int
	once    map[string]onceValue // by the key in the once bucket
	due     *time.Timer          // runs while there are records

	any atomic.Bool // there are records; for readers
}

// maxPending is the number of pending bytes from which on a commit does not
// wait for the interval.
const maxPending = 4 << 20

// note delivers the records of a group as soon as the journal has them, and
// answers the requests. If it cannot, it does nothing and reports false.
func (s *Store) note(group []*request) bool {
	w := &s.writer
	if w.failed != nil || w.pending.bytes >= maxPending {
		return false
	}
	now := s.now()
	if w.ahead(now) { // a transaction records that
		return false
	}
	seq := w.delivered()
	answers := make([]answer, len(group))
	batches := make([]batch, 0, len(group))
	once := make(map[string]onceValue)
	for i, r := range group {
		if key := onceKeyOf(r.records); key != nil {
			first, err := s.firstNoted(key, once, now)
			if err != nil {
				return false // the transaction finds the same error
			}
			if first != nil {
				answers[i].entries = []*history.Entry{s.again(&r.records[0], first)}
				continue
			}
			once[string(key)] = onceValue{seq + 1, now, r.records[0].ID}
		}
		batches = append(batches, batch{r.records, now})
		seq += uint64(len(r.records))
	}
	first := s.epochs.newest(w.delivered() + 1)
	if len(batches) > 0 {
		if err := w.pending.journal.write(first, batches); err != nil {
			s.cfg.Logger.Warn("history is committed at once", slog.Any("error", err))
			return false
		}
	}
	var delivered []*history.Entry
	for i, r := range group {
		if answers[i].entries != nil {
			continue
		}
		entries := make([]*history.Entry, len(r.records))
		for n := range r.records {
			entries[n] = r.records[n].At(s.epochs.newest(first.Seq+uint64(len(delivered)+n)), now)
			w.pending.bytes += entries[n].Size()
		}
		answers[i].entries = entries
		delivered = append(delivered, entries...)
	}
	s.hold(batches, once, len(delivered))
	s.deliver(delivered, nil)
	for i, r := range group {
		r.answer <- answers[i]
	}
	return true
}

// ahead reports whether a stored or pending time is ahead of the clock.
func (w *writer) ahead(now time.Time) bool {
	c := w.clock
	if n := len(w.pending.batches); n > 0 {
		c.take(w.pending.batches[n-1].at)
	}
	return c.ahead(now)
}

// hold keeps a group's records until a transaction commits them.
func (s *Store) hold(batches []batch, once map[string]onceValue, records int) {
	p := &s.writer.pending
	if len(p.batches) == 0 && len(batches) > 0 {
		p.due.Reset(s.cfg.Interval)
	}
	p.batches = append(p.batches, batches...)
	p.records += uint64(records) //nolint:gosec // It is a length.
	for key, v := range once {
		if p.once == nil {
			p.once = make(map[string]onceValue)
		}
		p.once[key] = v
	}
	p.any.Store(p.records > 0)
}

// firstNoted returns the event that was published first with a once key,
// pending or stored, or nil if there is none within the window.
func (s *Store) firstNoted(key []byte, group map[string]onceValue, now time.Time) (first *onceValue, err error) {
	v, ok := group[string(key)]
	if !ok {
		v, ok = s.writer.pending.once[string(key)]
	}
	if !ok {
		err = s.view(func(file *view) error {
			value := bucket(file.tx, bucketOnce).Get(key)
			if ok = value != nil; !ok {
				return nil
			}
			var bad error
			v, bad = decodeOnce(value)
			return bad
		})
	}
	if err != nil || !ok || now.Sub(s.writer.clock.trust(v.seq, v.at)) >= s.cfg.Retention.OnceWindow {
		return nil, err
	}
	return &v, nil
}

// appendPending adds the pending records to a transaction.
func (c *change) appendPending() error {
	for _, t := range c.writer.pending.batches {
		if onceKeyOf(t.records) != nil {
			if err := c.remember(&t.records[0], t.at); err != nil {
				return err
			}
		}
		for i := range t.records {
			if err := c.put(&t.records[i], t.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropPending drops the pending records when the history has them.
func (s *Store) dropPending() {
	p := &s.writer.pending
	if p.records == 0 {
		return
	}
	p.batches, p.once, p.records, p.bytes = nil, nil, 0, 0
	p.due.Stop()
	p.journal.reset()
	p.any.Store(false)
}

// settle commits the pending records.
func (s *Store) settle() {
	if s.writer.pending.records == 0 {
		return
	}
	if err := s.transact((*change).bound); err != nil {
		s.cfg.Logger.Error("history is not brought to the disk", slog.Any("error", err))
		s.writer.pending.due.Reset(max(s.cfg.Interval, time.Second))
	}
}

// settled waits until all delivered records can be read.
func (s *Store) settled(ctx context.Context) error {
	if !s.writer.pending.any.Load() {
		return nil
	}
	_, err := s.ask(ctx, &request{})
	return err
}

// settleForGood commits the pending records, and records that none are missing.
// If it cannot, it leaves the journal for the next store.
func (s *Store) settleForGood() error {
	w := &s.writer
	if s.cfg.Sync == SyncAlways {
		return nil
	}
	err := s.transact(func(c *change) error {
		c.loose = 0
		return c.bound()
	})
	if err != nil {
		_ = w.pending.journal.abandon()
		return err
	}
	return w.pending.journal.remove()
}
