package boltstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/tidings-go/tidings/core/history"
)

// view is the file as one read transaction sees it.
type view struct {
	state
	history.View

	store *Store
	now   time.Time
	tx    *bolt.Tx
	walks []walk // over the entries of View.Channels
}

// view calls f in a read transaction. f copies what it keeps.
func (s *Store) view(f func(*view) error) error {
	err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) (err error) {
			v := &view{store: s, now: s.now(), tx: tx}
			if v.state, err = decodeState(bucket(tx, bucketMain).Get([]byte(keyState))); err != nil {
				return err
			}
			return f(v)
		})
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return history.ErrClosed
	}
	return err
}

// viewChannels calls f with a view of channels, unless the store is closed or
// ctx has ended. It commits pending records first.
func (s *Store) viewChannels(ctx context.Context, channels []string, f func(*view) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-s.closing:
		return history.ErrClosed
	default:
	}
	if err := s.waitForPending(ctx); err != nil {
		return err
	}
	return s.view(func(v *view) error {
		if err := v.readChannels(channels); err != nil {
			return err
		}
		return f(v)
	})
}

// Read implements [history.Store].
func (s *Store) Read(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.viewChannels(ctx, q.Channels, func(v *view) error {
		cursors, bad := v.cursors(q)
		if bad == nil {
			page, bad = v.Read(q, cursors)
		}
		return bad
	})
	return page, err
}

// Resolve implements [history.Store]. It knows the positions of the file's
// earlier epochs, too.
func (s *Store) Resolve(ctx context.Context, channels []string, id string) (at history.Position, err error) {
	err = s.viewChannels(ctx, channels, func(v *view) (bad error) {
		index := bucket(v.tx, bucketIDs)
		at, bad = v.Resolve(id, func(i int) (seq uint64) {
			_ = decode(index.Get(idKey(v.walks[i].number, id)), &seq) // 0 if there is none
			return seq
		})
		return bad
	})
	return at, err
}

// Bounds implements [history.Store].
func (s *Store) Bounds(ctx context.Context, channels []string) (oldest, newest history.Position, err error) {
	err = s.viewChannels(ctx, channels, func(v *view) error {
		oldest, newest = v.Bounds()
		return nil
	})
	return oldest, newest, err
}

// readChannels sets what the file has of channels.
func (v *view) readChannels(channels []string) error {
	v.View = history.View{Epochs: v.store.epochs, Head: v.head, Channels: make([]history.Kept, len(channels))}
	v.walks = make([]walk, len(channels))
	known, tombs, entries := bucket(v.tx, bucketChannels), bucket(v.tx, bucketTombs), bucket(v.tx, bucketEntries)
	for i, name := range channels {
		w := &v.walks[i]
		if value := known.Get([]byte(name)); value != nil {
			ch, err := decodeChannel([]byte(name), value)
			if err != nil {
				return err
			}
			*w = walk{entries: entries, epochs: v.store.epochs, channel: strings.Clone(name), number: ch.number}
			if err := v.readKept(w, ch); err != nil {
				return err
			}
		} else {
			gone, err := v.forgotten(name, tombs.Get([]byte(name)))
			if err != nil {
				return err
			}
			w.Gone = gone
		}
		v.Channels[i] = w.Kept
	}
	return nil
}

// readKept sets what is kept of a channel. Entries that are too old, but not
// removed yet, are not.
func (v *view) readKept(w *walk, ch *channel) error {
	if w.Gone = ch.gone; ch.count == 0 {
		return nil
	}
	v.clock.trustChannel(ch)
	keep, extent := v.store.cfg.Retention.Of(w.channel), ch.extent()
	if !keep.Keeps(extent, extent.Newest, v.now) {
		w.Gone = ch.newest
		return nil
	}
	w.Oldest, w.Newest = ch.oldest, ch.newest
	if keep.Keeps(extent, extent.Oldest, v.now) {
		return nil
	}
	err := w.Seek(0)
	for err == nil && w.seq < w.Newest {
		at, bad := entryTime(w.value)
		if bad != nil {
			return damage("entry %d of channel %q: %v", w.seq, w.channel, bad)
		}
		if keep.Keeps(extent, moment(v.clock.trust(w.seq, at)), v.now) {
			break
		}
		w.Gone = w.seq
		err = w.Next()
	}
	w.Oldest = w.seq
	return err
}

// cursors returns the cursors for a query.
func (v *view) cursors(q history.Query) ([]history.Cursor, error) {
	all := make([]history.Cursor, len(v.walks))
	for i := range v.walks {
		if all[i] = &v.walks[i]; q.Snapshot {
			seqs, err := v.subjects(&v.walks[i], q.After.Seq)
			if err != nil {
				return nil, err
			}
			all[i] = &picks{&v.walks[i], seqs}
		}
	}
	return all, nil
}

// subjects returns the sequence numbers, in order, of the newest entry of each
// subject of a channel after a sequence number.
func (v *view) subjects(w *walk, after uint64) (seqs []uint64, err error) {
	if w.Newest == 0 {
		return nil, nil
	}
	prefix := key(w.number)
	index := bucket(v.tx, bucketKeys).Cursor()
	for k, value := index.Seek(prefix); bytes.HasPrefix(k, prefix); k, value = index.Next() {
		var seq uint64
		if err := decode(value, &seq); err != nil {
			return nil, damage("key of channel %q: %v", w.channel, err)
		}
		if seq >= w.Oldest && seq > after {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}
