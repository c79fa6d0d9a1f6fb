package boltstore

import (
	"context"
	"log/slog"
	"maps"
	"slices"
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

// draft is what a group of requests is going to add to the pending records.
type draft struct {
	now     time.Time
	first   history.Position // of the first record
	batches []batch
	records uint64
	once    map[string]onceValue // by the key in the once bucket
	answers []answer             // by request; without entries if it has a batch
}

// appendToJournal writes the records of a group to the journal, delivers them,
// and answers the requests. If it cannot, it does nothing and reports false.
func (s *Store) appendToJournal(group []*request) bool {
	w, now := &s.writer, s.now()
	if w.failed != nil || w.pending.bytes >= maxPending || w.ahead(now) {
		return false // a transaction answers, makes room, or records that the clock was set back
	}
	d, err := s.draft(group, now)
	if err == nil && len(d.batches) > 0 {
		err = w.pending.journal.write(d.first, d.batches)
	}
	if err != nil {
		s.cfg.Logger.Warn("history is committed at once", slog.Any("error", err))
		return false
	}
	s.addPending(&d)
	delivered := make([]*history.Entry, 0, d.records)
	batches := d.batches
	for i := range d.answers {
		if d.answers[i].entries != nil {
			continue
		}
		from := len(delivered)
		for _, r := range batches[0].records {
			delivered = append(delivered, r.At(s.epochs.Newest(d.first.Seq+uint64(len(delivered))), now))
		}
		d.answers[i].entries, batches = slices.Clip(delivered[from:]), batches[1:]
	}
	s.deliver(delivered, nil)
	for i, r := range group {
		r.answer <- d.answers[i]
	}
	return true
}

// draft sorts the requests of a group: into repeats of once keys, which it
// answers, and batches.
func (s *Store) draft(group []*request, now time.Time) (d draft, err error) {
	d = draft{now: now, first: s.epochs.Newest(s.writer.delivered() + 1), answers: make([]answer, len(group))}
	for i, r := range group {
		if k := onceKey(r.records); k != nil {
			first, used, bad := s.firstPending(k, &d)
			if bad != nil {
				return d, bad
			}
			if used {
				d.answers[i].entries = []*history.Entry{s.repeat(&r.records[0], first)}
				continue
			}
			if d.once == nil {
				d.once = make(map[string]onceValue)
			}
			d.once[string(k)] = onceValue{d.first.Seq + d.records, nanos(now), r.records[0].ID}
		}
		d.batches = append(d.batches, batch{r.records, now})
		d.records += uint64(len(r.records))
	}
	return d, nil
}

// ahead reports whether a stored or pending time is ahead of the clock.
func (w *writer) ahead(now time.Time) bool {
	c := w.clock
	if n := len(w.pending.batches); n > 0 {
		c.take(nanos(w.pending.batches[n-1].at))
	}
	return c.ahead(now)
}

// addPending keeps a group's records until a transaction commits them.
func (s *Store) addPending(d *draft) {
	p := &s.writer.pending
	if len(p.batches) == 0 && len(d.batches) > 0 && s.cfg.Interval > 0 {
		p.due.Reset(s.cfg.Interval)
	}
	p.batches = append(p.batches, d.batches...)
	p.records += d.records
	for _, t := range d.batches {
		for i := range t.records {
			p.bytes += t.records[i].MaxSize()
		}
	}
	if p.once == nil {
		p.once = d.once
	} else {
		maps.Copy(p.once, d.once)
	}
	p.any.Store(p.records > 0)
}

// firstPending returns the event that was published first with a once key, and
// reports whether there is one within the window: in the draft, pending or
// stored.
func (s *Store) firstPending(k []byte, d *draft) (first onceValue, ok bool, err error) {
	if first, ok = d.once[string(k)]; !ok {
		first, ok = s.writer.pending.once[string(k)]
	}
	if !ok {
		err = s.view(func(v *view) (err error) {
			first, ok, err = storedOnce(bucket(v.tx, bucketOnce), k)
			return err
		})
	}
	return first, ok && s.inWindow(&s.writer.clock, first, d.now), err
}

// appendPending adds the pending records to a transaction.
func (c *change) appendPending() error {
	for _, t := range c.writer.pending.batches {
		if err := c.putAll(t.records, t.at); err != nil {
			return err
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

// commitPending commits the pending records.
func (s *Store) commitPending() {
	if s.writer.pending.records == 0 {
		return
	}
	if err := s.transact((*change).bound); err != nil {
		s.cfg.Logger.Error("history is not synced", slog.Any("error", err))
		s.writer.pending.due.Reset(max(s.cfg.Interval, time.Second))
	}
}

// waitForPending waits until all delivered records can be read.
func (s *Store) waitForPending(ctx context.Context) error {
	if !s.writer.pending.any.Load() {
		return nil
	}
	_, err := s.ask(ctx, &request{})
	return err
}

// commitLast commits the pending records, and records that none are missing. If
// it cannot, it leaves the journal for the next store.
func (s *Store) commitLast() error {
	w := &s.writer
	if s.cfg.Sync == SyncAlways {
		return nil
	}
	err := s.transact(func(c *change) error {
		c.unclean = 0
		return c.bound()
	})
	if err != nil {
		_ = w.pending.journal.abandon()
		return err
	}
	return w.pending.journal.remove()
}
