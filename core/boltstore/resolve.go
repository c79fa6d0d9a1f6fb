package boltstore

import (
	"context"
	"encoding/binary"

	"github.com/tidings-go/tidings/core/history"
)

// Resolve implements [history.Store]. It knows the positions of the file's earlier
// epochs, too.
func (s *Store) Resolve(ctx context.Context, channels []string, id string) (at history.Position, err error) {
	err = s.look(ctx, func(v *view) (err error) {
		at, err = v.resolve(channels, id)
		return err
	})
	return at, err
}

func (v *view) resolve(channels []string, id string) (history.Position, error) {
	ranges, err := v.ranges(channels)
	if err != nil {
		return history.Position{}, err
	}
	index := bucket(v.tx, bucketIDs)
	found := uint64(0)
	for _, r := range ranges {
		if r.number == 0 {
			continue
		}
		value := index.Get(idKey(r.number, id))
		if len(value) != 8 {
			continue
		}
		if seq := binary.BigEndian.Uint64(value); seq >= r.oldest && (found == 0 || seq < found) {
			found = seq
		}
	}
	if found != 0 {
		return v.store.epochs.at(found), nil
	}
	// A position of this epoch needs no resolving, and one beyond the head has
	// no entry.
	if p, ok := history.ParsePosition(id); ok && v.store.epochs.knows(p) && p.Seq <= v.head && p.Epoch != v.newest().Epoch {
		return p, nil
	}
	return history.Position{}, history.ErrUnknownID
}

// Bounds implements [history.Store].
func (s *Store) Bounds(ctx context.Context, channels []string) (oldest, newest history.Position, err error) {
	err = s.look(ctx, func(v *view) error {
		ranges, bad := v.ranges(channels)
		oldest, newest = v.bounds(ranges)
		return bad
	})
	if err != nil {
		return history.Position{}, history.Position{}, err
	}
	return oldest, newest, nil
}

func (v *view) bounds(ranges []stretch) (oldest, newest history.Position) {
	first, last := uint64(0), uint64(0)
	for _, r := range ranges {
		if r.number == 0 {
			continue
		}
		if first == 0 || r.oldest < first {
			first = r.oldest
		}
		last = max(last, r.newest)
	}
	if first == 0 {
		return v.newest(), v.newest()
	}
	return v.store.epochs.at(first), v.store.epochs.at(last)
}
