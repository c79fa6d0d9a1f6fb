package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math"
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

	store    *Store
	now      time.Time
	tx       *bolt.Tx
	channels *bolt.Bucket
	entries  *bolt.Bucket
}

// view calls f in a read transaction. f copies what it keeps.
func (s *Store) view(f func(*view) error) error {
	err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			v := &view{store: s, now: s.now(), tx: tx}
			v.channels, v.entries = bucket(tx, bucketChannels), bucket(tx, bucketEntries)
			var err error
			if v.state, err = decodeState(bucket(tx, bucketMain).Get([]byte(keyState))); err != nil {
				return damage("state: %v", err)
			}
			return f(v)
		})
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return history.ErrClosed
	}
	return err
}

// look calls f like view, unless the store is closed or ctx has ended. It
// commits pending records first.
func (s *Store) look(ctx context.Context, f func(*view) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-s.closing:
		return history.ErrClosed
	default:
	}
	if err := s.settled(ctx); err != nil {
		return err
	}
	return s.view(f)
}

// Read implements [history.Store].
func (s *Store) Read(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.look(ctx, func(v *view) (err error) {
		page, err = v.read(q)
		return err
	})
	if err != nil {
		return history.Page{}, err
	}
	return page, nil
}

func (v *view) read(q history.Query) (history.Page, error) {
	ranges, err := v.ranges(q.Channels)
	if err != nil {
		return history.Page{}, err
	}
	switch {
	case q.Snapshot:
		return v.snapshot(q, ranges)
	case q.Oldest:
		return v.page(q, ranges, 0)
	case q.Tail > 0:
		after, err := v.tail(ranges, q.Tail)
		if err != nil {
			return history.Page{}, err
		}
		return v.page(q, ranges, after)
	}
	if reason := v.gap(q, ranges); reason != "" {
		oldest, newest := v.bounds(ranges)
		return history.Page{}, &history.GapError{Reason: reason, Oldest: oldest, Newest: newest}
	}
	return v.page(q, ranges, q.After.Seq)
}

// stretch describes the entries of a channel, from oldest to newest, or none if
// number is 0. gone is the newest entry that was removed.
type stretch struct {
	channel                      string // its name, which entries share
	number, oldest, newest, gone uint64
}

// ranges returns the entries of each channel, without those that are too old.
func (v *view) ranges(channels []string) ([]stretch, error) {
	all := make([]stretch, len(channels))
	for i, name := range channels {
		value := v.channels.Get([]byte(name))
		if value == nil {
			all[i].gone = v.forgotten(name)
			if tomb := bucket(v.tx, bucketTombs).Get([]byte(name)); len(tomb) == 8 {
				all[i].gone = binary.BigEndian.Uint64(tomb)
			}
			continue
		}
		ch, err := decodeChannel(value)
		if err != nil {
			return nil, damage("channel %q: %v", name, err)
		}
		v.clock.trustChannel(&ch)
		if err := v.skipOld(name, &ch); err != nil {
			return nil, err
		}
		all[i].gone = ch.gone
		if ch.count > 0 {
			all[i].channel = strings.Clone(name)
			all[i].number, all[i].oldest, all[i].newest = ch.number, ch.oldest, ch.newest
		}
	}
	return all, nil
}

// skipOld treats entries that are too old, but not removed yet, as removed.
func (v *view) skipOld(name string, ch *channel) error {
	keep := v.store.cfg.Retention.Of(name)
	if ch.count == 0 || keep.Keeps(ch.extent(), ch.oldestAt, v.now) {
		return nil
	}
	if !keep.Keeps(ch.extent(), ch.newestAt, v.now) {
		ch.gone, ch.count = ch.newest, 0
		return nil
	}
	cursor := v.entries.Cursor()
	for k, value := cursor.Seek(pair(ch.number, ch.oldest)); ; k, value = cursor.Next() {
		if len(k) != 16 || binary.BigEndian.Uint64(k) != ch.number {
			return damage("entries of channel %q are missing", name)
		}
		at, err := entryTime(value)
		if err != nil {
			return damage("entry: %v", err)
		}
		ch.oldest = binary.BigEndian.Uint64(k[8:])
		if keep.Keeps(ch.extent(), v.clock.trust(ch.oldest, at), v.now) {
			return nil
		}
		ch.gone = ch.oldest
	}
}

// gap returns why the entries after q.After are not all known, or the empty
// string.
func (v *view) gap(q history.Query, ranges []stretch) history.GapReason {
	switch {
	case !v.store.epochs.knows(q.After):
		return history.GapRestarted
	case q.After.Seq > v.head:
		return history.GapUnknown
	}
	for i, r := range ranges {
		excused := i < len(q.Gone) && r.gone <= q.Gone[i]
		if q.After.Seq < r.gone && !excused {
			return history.GapTrimmed
		}
	}
	return ""
}

// page returns a page of the entries after a sequence number.
func (v *view) page(q history.Query, ranges []stretch, after uint64) (history.Page, error) {
	var gone []uint64
	if q.Oldest || q.Tail > 0 {
		gone = make([]uint64, len(ranges))
		for i, r := range ranges {
			gone[i] = r.gone
		}
	}
	walks := make([]*walk, len(ranges))
	for i, r := range ranges {
		walks[i] = &walk{view: v, stretch: r, cursor: v.entries.Cursor()}
		if err := walks[i].seek(after + 1); err != nil {
			return history.Page{}, err
		}
	}
	f := newFill(q)
	for w := earliest(walks); w != nil; w = earliest(walks) {
		e, err := w.entry()
		if err != nil {
			return history.Page{}, err
		}
		if !f.add(e) {
			page := f.page()
			page.Gone = gone
			return page, nil
		}
		if err := w.next(); err != nil {
			return history.Page{}, err
		}
	}
	return history.Page{Entries: f.entries, Through: v.newest(), Gone: gone}, nil
}

// newest returns the position of the newest entry.
func (v *view) newest() history.Position { return v.store.epochs.newest(v.head) }

// tail returns the sequence number that the newest n entries follow.
func (v *view) tail(ranges []stretch, n int) (uint64, error) {
	walks := make([]*walk, 0, len(ranges))
	for _, r := range ranges {
		w := &walk{view: v, stretch: r, cursor: v.entries.Cursor()}
		if err := w.seek(r.newest); err != nil {
			return 0, err
		}
		walks = append(walks, w)
	}
	before := v.head
	for range n {
		w := latest(walks)
		if w == nil {
			return 0, nil
		}
		before = w.seq - 1
		if err := w.back(); err != nil {
			return 0, err
		}
	}
	return before, nil
}

// keyed identifies the newest entry of a key.
type keyed struct {
	channel string
	number  uint64
	seq     uint64
}

// snapshot returns the newest entry of each key, separately for each audience,
// if it is after q.After.
func (v *view) snapshot(q history.Query, ranges []stretch) (history.Page, error) {
	var all []keyed
	index := bucket(v.tx, bucketKeys).Cursor()
	for i, r := range ranges {
		if r.number == 0 {
			continue
		}
		prefix := number(r.number)
		for k, value := index.Seek(prefix); bytes.HasPrefix(k, prefix); k, value = index.Next() {
			if len(value) != 8 {
				return history.Page{}, damage("key of channel %q", q.Channels[i])
			}
			if seq := binary.BigEndian.Uint64(value); seq >= r.oldest && seq > q.After.Seq {
				all = append(all, keyed{r.channel, r.number, seq})
			}
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return cmp.Compare(a.seq, b.seq) })
	f := newFill(q)
	for _, k := range all {
		e, err := v.entry(k.channel, k.number, k.seq, v.entries.Get(pair(k.number, k.seq)))
		if err != nil {
			return history.Page{}, err
		}
		if !f.add(e) {
			return f.page(), nil
		}
	}
	return history.Page{Entries: f.entries, Through: v.newest()}, nil
}

// fill is a page that is being filled.
type fill struct {
	maxEvents, maxBytes int

	entries []*history.Entry
	bytes   int
}

func newFill(q history.Query) *fill {
	f := &fill{maxEvents: q.MaxEvents, maxBytes: q.MaxBytes}
	if f.maxEvents <= 0 {
		f.maxEvents = math.MaxInt
	}
	if f.maxBytes <= 0 {
		f.maxBytes = math.MaxInt
	}
	return f
}

// add adds an entry if there is room, and reports whether there was.
func (f *fill) add(e *history.Entry) bool {
	if n := len(f.entries); n > 0 && (n >= f.maxEvents || f.bytes+e.Size() > f.maxBytes) {
		return false
	}
	f.entries = append(f.entries, e)
	f.bytes += e.Size()
	return true
}

// page returns the page after add has found no room.
func (f *fill) page() history.Page {
	return history.Page{Entries: f.entries, Through: f.entries[len(f.entries)-1].Position}
}
