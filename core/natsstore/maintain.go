package natsstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

const (
	// removeAtOnce is how many channels, and how many messages with once keys, are
	// dealt with in one round.
	removeAtOnce = 5000
	// worthwhile is the share of a channel's events from which on removing them pays.
	worthwhile = 8
)

// maintain removes what the retention does not keep, every Maintain.
func (s *Store) maintain() {
	for sharedstore.Rest(s.life, s.cfg.Maintain) {
		_ = s.maintainOnce(s.life) // what fails is tried again in the next round
	}
}

// maintainOnce does a round, unless another store did one lately.
func (s *Store) maintainOnce(ctx context.Context) error {
	s.mu.Lock()
	x, ready, last := s.index, s.usable(), s.claim
	if ready {
		x.age(time.Now())
	}
	some := ready && len(x.dirty)+len(x.onces)+len(x.unmarks) > 0
	s.mu.Unlock()
	if !some || time.Since(last.at) < s.cfg.Maintain*3/4 {
		return nil
	}
	seq, err := s.put(ctx, s.subjects.claim(), originOf(s.writer), expecting(last.seq)...)
	if isCode(err, codeWrongLast, codeWrongLastOther) {
		return nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.claim = claim{seq, time.Now()}
	w := s.gather(x)
	s.mu.Unlock()
	return s.remove(ctx, x, w)
}

// work is what one round removes.
type work struct {
	marks   []mark
	purges  []request
	names   []string // of the marks' channels
	dirt    []dirt   // of them, as it was
	onces   []onceRubbish
	unmarks []string
	forgot  uint64
}

// gather returns the work for a round. The caller holds s.mu.
func (s *Store) gather(x *index) (w work) {
	for _, r := range x.onces[:min(removeAtOnce, len(x.onces))] {
		d := x.dirtOf(r.channel)
		d.once = max(d.once, r.position)
	}
	covered := make(map[string]uint64)
	for name, d := range x.dirty {
		if len(w.marks) == removeAtOnce {
			break
		}
		gone := x.goneFrom(name)
		if c := x.channels[name]; c != nil {
			if gone = c.gone; d.events*worthwhile < c.ring.Len() && d.once == 0 {
				continue
			}
		}
		w.marks = append(w.marks, mark{Origin: x.origin, Channel: name, Gone: max(gone, d.gone), Keys: x.keys[name].through, Removing: true})
		w.names, w.dirt = append(w.names, name), append(w.dirt, *d)
		delete(x.dirty, name)
		covered[name] = max(gone, d.gone)
		if d.seq > 0 {
			w.purges = append(w.purges, s.purging(s.cfg.Stream, s.subjects.event(name), d.seq+1))
		}
		if history.IsPrivate(name) && x.channels[name] == nil {
			w.unmarks = append(w.unmarks, name)
		}
	}
	n := 0
	for n < min(removeAtOnce, len(x.onces)) && covered[x.onces[n].channel] >= x.onces[n].position {
		r := x.onces[n]
		w.purges = append(w.purges, s.purging(s.cfg.Stream, s.subjects.once(r.channel, r.key), r.seq+1))
		n++
	}
	w.onces, x.onces, x.older = slices.Clone(x.onces[:n]), x.onces[n:], max(0, x.older-n)
	w.unmarks, x.unmarks = append(w.unmarks, x.unmarks...), nil
	w.forgot = x.forgot
	return w
}

// purging returns the request that removes the messages on a subject before a
// number of the stream.
func (s *Store) purging(stream, subject string, before uint64) request {
	data, _ := json.Marshal(map[string]any{"filter": subject, "seq": before}) // it is text and a number
	return request{s.apiPrefix + "STREAM.PURGE." + stream, data}
}

// remove does the work of a round: marks first, so that a store that begins to read
// meanwhile knows what it does not find.
func (s *Store) remove(ctx context.Context, x *index, w work) error {
	err := s.writeMarks(ctx, x, w.marks)
	if err == nil {
		err = s.requests(ctx, w.purges)
	}
	if err != nil {
		s.mu.Lock()
		x.restore(w)
		s.mu.Unlock()
		return err
	}
	if len(w.unmarks) == 0 {
		return nil
	}
	if _, err := s.put(ctx, s.subjects.forgot(), fmt.Appendf(nil, "%d %d", x.origin, w.forgot)); err != nil {
		return err
	}
	purges := make([]request, len(w.unmarks))
	for i, name := range w.unmarks {
		data, _ := json.Marshal(map[string]any{"filter": s.subjects.gone(name)})
		purges[i] = request{s.apiPrefix + "STREAM.PURGE." + s.stateStream(), data}
	}
	return s.requests(ctx, purges)
}

// restore notes that what a round was to remove may still be there.
func (x *index) restore(w work) {
	for i, name := range w.names {
		d, was := x.dirtOf(name), w.dirt[i]
		d.events += was.events
		d.gone, d.seq, d.once = max(d.gone, was.gone), max(d.seq, was.seq), max(d.once, was.once)
	}
	x.onces = append(w.onces, x.onces...)
}
