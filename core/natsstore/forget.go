package natsstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// Forget implements [history.Store]. Calls at the same time share their round
// trips.
func (s *Store) Forget(ctx context.Context, channel string) error {
	return s.forgetter.Forget(ctx, s.life, channel)
}

// forgetAll forgets channels.
func (s *Store) forgetAll(names []string) error {
	err := s.upToDate(s.life)
	if err != nil {
		return err
	}
	var marks []mark
	var x *index
	err = s.locked(func(now *index) error {
		x = now
		for _, name := range names {
			m := mark{Origin: x.origin, Channel: strings.Clone(name), Gone: x.goneFrom(name), Keys: x.head}
			_, keys := x.once.keys[name]
			c := x.channels[name]
			if c != nil {
				m.Gone = c.ring.At(c.ring.Len() - 1).Seq()
			}
			if c != nil || keys {
				marks = append(marks, m)
			}
		}
		return nil
	})
	if err == nil {
		err = s.writeMarks(s.life, x, marks)
	}
	switch {
	case err == nil:
		return nil
	case s.life.Err() != nil:
		return history.ErrClosed
	}
	s.suspect(err)
	return fmt.Errorf("%w: %w", history.ErrUnavailable, err)
}
