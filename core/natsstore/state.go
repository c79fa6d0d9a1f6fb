package natsstore

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// mark says that events of a channel are not kept any more. It is written before
// they are removed from the stream.
type mark struct {
	Origin  uint64 `json:"origin"`
	Channel string `json:"channel"`
	// Gone is the sequence number of the newest event that is not kept.
	Gone uint64 `json:"gone"`
	// Keys is the sequence number up to which once keys are forgotten.
	Keys uint64 `json:"keys,omitempty"`
	// Removing says that the store that writes the mark removes the events.
	Removing bool `json:"removing,omitempty"`
}

// claim is the newest claim to remove what is not kept.
type claim struct {
	seq uint64    // in the state stream
	at  time.Time // when it was read
}

// loadState reads the state stream to its end. It comes after all that was removed
// before the stream of events was read.
func (s *Store) loadState(ctx context.Context, x *index) (*reader, error) {
	state, err := s.read(ctx, s.stateStream(), 1)
	if isCode(err, codeStreamNotFound) {
		if err = s.create(ctx); err == nil {
			err = errAgain
		}
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.claim = claim{} // the stream may be another one
	s.mu.Unlock()
	for state.pending > 0 {
		m, err := state.next(ctx)
		if err != nil {
			state.close(s)
			return nil, err
		}
		s.applyState(x, m)
	}
	return state, nil
}

// followState reads the state stream until anything is out of order.
func (s *Store) followState(ctx context.Context, state *reader, x *index) error {
	for {
		m, err := state.next(ctx)
		if err != nil {
			return err
		}
		s.applyState(x, m)
	}
}

// applyState takes a message of the state stream.
func (s *Store) applyState(x *index, m streamMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, _ := strings.CutPrefix(m.subject, s.subjects.prefix+".state.")
	kind, _, _ := strings.Cut(rest, ".")
	switch kind {
	case "gone":
		var one mark
		if json.Unmarshal(m.data, &one) == nil && one.Origin == x.origin && history.NameFault(one.Channel) == "" {
			x.raise(one)
		}
	case "forgot":
		origin, through, _ := strings.Cut(string(m.data), " ")
		if n, err := strconv.ParseUint(through, 10, 64); err == nil && origin == string(originOf(x.origin)) {
			x.forget(n)
		}
	case "claim":
		if m.seq > s.claim.seq {
			if s.claim = (claim{m.seq, time.Now()}); string(m.data) != string(originOf(s.writer)) {
				x.claimed()
			}
		}
	}
}

// writeMarks writes marks, and applies them here at once.
func (s *Store) writeMarks(ctx context.Context, x *index, marks []mark) error {
	requests := make([]request, len(marks))
	for i, one := range marks {
		data, err := json.Marshal(one)
		if err != nil {
			return err
		}
		requests[i] = request{s.subjects.gone(one.Channel), data}
	}
	if err := s.requests(ctx, requests); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range marks {
		x.raise(one)
	}
	return nil
}
