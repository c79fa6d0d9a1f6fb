package boltstore

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// pending is what SyncInterval has delivered, and put down in the journal, but
// not in the history yet.
type pending struct {
	journal journal
	batches []batch
	records uint64
	bytes   int
	once    map[string]onceValue // by the key in the bucket
	due     *time.Timer          // runs while there is something

	any atomic.Bool // whether there is; for those who read
}

// maxPending is from how many bytes on nobody waits for the interval.
const maxPending = 4 << 20

// note delivers what a group appends as soon as the journal has it, and answers.
// It reports false if it could not, and nothing was done.
func (s *Store) note(group []*request) bool {
	w := &s.writer
	if w.failed != nil || w.pending.bytes >= maxPending {
		return false
	}
	now := s.now()
	if w.ahead(now) { // which a transaction notes
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
				return false // which finds the same
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

// ahead reports whether what is stored, or pending, has a time that is ahead.
func (w *writer) ahead(now time.Time) bool {
	c := w.clock
	if n := len(w.pending.batches); n > 0 {
		c.take(w.pending.batches[n-1].at)
	}
	return c.ahead(now)
}

// hold keeps what was noted until it is settled.
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

// firstNoted returns what was published first with a once key, or nil.
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

// appendPending adds what is pending to a transaction.
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

// dropPending lets go of what is in the history by now.
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

// settle brings what is pending to the disk.
func (s *Store) settle() {
	if s.writer.pending.records == 0 {
		return
	}
	if err := s.transact((*change).bound); err != nil {
		s.cfg.Logger.Error("history is not brought to the disk", slog.Any("error", err))
		s.writer.pending.due.Reset(max(s.cfg.Interval, time.Second))
	}
}

// settled waits until what is delivered can be read.
func (s *Store) settled(ctx context.Context) error {
	if !s.writer.pending.any.Load() {
		return nil
	}
	_, err := s.ask(ctx, &request{})
	return err
}

// settleForGood brings what is pending to the disk, and takes down that nothing
// is missing. If it cannot, the journal is left for the next store.
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
