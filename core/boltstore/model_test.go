package boltstore_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// storePair is a store under test, and a MemoryStore with the same records.
type storePair struct {
	*testing.T

	path   string
	cfg    boltstore.Config
	store  *boltstore.Store
	memory *core.MemoryStore
	random *rand.Rand
	epoch  uint64 // of memory
	bolt   uint64 // the epoch of store
}

// TestLikeMemory calls both stores at random, closes and opens the one under
// test in between, and compares the answers.
func TestLikeMemory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { likeMemory(t, seed) })
		})
	}
}

func likeMemory(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 4))
	retention := core.Retention{
		Events: 1 + random.IntN(12), Bytes: -1, TotalBytes: -1,
		Age: 90 * time.Second, Idle: 40 * time.Second, OnceWindow: 25 * time.Second, OnceKeys: 1000,
		Channels: []core.ChannelRetention{{Pattern: "b*", Events: 3, Bytes: -1, Idle: -1}},
	}
	p := &storePair{T: t, path: fresh(t), random: random, memory: core.NewMemoryStore(retention)}
	p.cfg = boltstore.Config{Retention: retention, Sync: boltstore.Sync(seed % 2), Interval: 3 * time.Second}
	p.reopen()
	defer func() { closeStore(t, p.store); _ = p.memory.Close() }()
	at, err := p.memory.Attach(&recorder{})
	if err != nil {
		t.Fatal(err)
	}
	p.epoch = at.Epoch
	for range 250 {
		switch n := random.IntN(100); {
		case n < 50:
			p.append()
		case n < 60:
			time.Sleep(time.Duration(5*random.IntN(7)) * time.Second) // all spans are multiples of that
			synctest.Wait()
		case n < 64:
			channel := p.channel()
			if err := errors.Join(p.store.Forget(t.Context(), channel), p.memory.Forget(t.Context(), channel)); err != nil {
				t.Fatalf("Forget: %v", err)
			}
		case n < 68:
			p.reopen()
		default:
			p.compare()
		}
	}
	if counts, err := p.store.Counts(); err != nil {
		t.Errorf("the file: %v, %v", counts, err)
	}
}

func (p *storePair) channel() string {
	return []string{"a", "b", "bb", "c"}[p.random.IntN(4)]
}

// reopen closes the store, and opens it again.
func (p *storePair) reopen() {
	p.Helper()
	if p.store != nil {
		closeStore(p.T, p.store)
	}
	store, err := boltstore.Open(p.path, p.cfg)
	if err != nil {
		p.Fatalf("Open: %v", err)
	}
	at, err := store.Attach(&recorder{})
	if err != nil {
		p.Fatalf("Attach: %v", err)
	}
	p.store, p.bolt = store, at.Epoch
}

// append appends the same records to both stores.
func (p *storePair) append() {
	p.Helper()
	n := 1 + p.random.IntN(3)
	once := ""
	if p.random.IntN(4) == 0 {
		n, once = 1, fmt.Sprint("once ", p.random.IntN(5))
	}
	mine := make([]core.Record, n)
	for i := range mine {
		r := record(p.channel(), strconv.Itoa(p.random.IntN(1000)))
		r.Once, r.Following = once, n-1-i
		if p.random.IntN(3) == 0 {
			r.ID = fmt.Sprint("id ", p.random.IntN(6))
		}
		if p.random.IntN(2) == 0 {
			r.Key = fmt.Sprint("key ", p.random.IntN(4))
		}
		r.To = []core.Audience{{}, core.ToGroup("x"), core.ToIdentity("x")}[p.random.IntN(3)]
		mine[i] = r
	}
	other := slices.Clone(mine)
	for i := range other {
		other[i].Body = slices.Clone(other[i].Body)
	}
	got, err := p.store.Append(p.Context(), mine)
	want, failed := p.memory.Append(p.Context(), other)
	if err != nil || failed != nil {
		p.Fatalf("Append: %v, %v", err, failed)
	}
	p.same("Append", got, want)
}

// compare compares the answers of both stores to a random query.
func (p *storePair) compare() {
	p.Helper()
	q := p.query()
	oldest, newest, err := p.memory.Bounds(p.Context(), q.Channels)
	gotOldest, gotNewest, failed := p.store.Bounds(p.Context(), q.Channels)
	if err != nil || failed != nil || gotOldest.Seq != oldest.Seq || gotNewest.Seq != newest.Seq {
		p.Fatalf("Bounds of %q: got %v, %v, %v, want %v, %v, %v", q.Channels, gotOldest, gotNewest, failed, oldest, newest, err)
	}
	mine := q
	q.After.Epoch, mine.After.Epoch = p.epoch, p.bolt
	want, err := p.memory.Read(p.Context(), q)
	got, failed := p.store.Read(p.Context(), mine)
	if reason(err) != reason(failed) {
		p.Fatalf("Read %+v: got %v, want %v", q, failed, err)
	}
	if got.Through.Seq != want.Through.Seq || !slices.Equal(got.Gone, want.Gone) {
		p.Fatalf("Read %+v: got through %v, gone %d, want %v, %d", q, got.Through, got.Gone, want.Through, want.Gone)
	}
	p.same(fmt.Sprintf("Read %+v", q), got.Entries, want.Entries)
	id := fmt.Sprint("id ", p.random.IntN(6))
	wantAt, err := p.memory.Resolve(p.Context(), q.Channels, id)
	gotAt, failed := p.store.Resolve(p.Context(), q.Channels, id)
	if gotAt.Seq != wantAt.Seq || !errors.Is(failed, err) {
		p.Fatalf("Resolve of %q on %q: got %v, %v, want %v, %v", id, q.Channels, gotAt, failed, wantAt, err)
	}
}

// query returns a random query without an epoch.
func (p *storePair) query() (q core.Query) {
	p.Helper()
	for _, channel := range []string{"a", "b", "bb", "c", "none"} {
		if p.random.IntN(2) == 0 {
			q.Channels = append(q.Channels, channel)
		}
	}
	if len(q.Channels) == 0 {
		q.Channels = []string{"a"}
	}
	if p.random.IntN(2) == 0 {
		q.MaxEvents = 1 + p.random.IntN(5)
	}
	switch p.random.IntN(4) {
	case 0:
		q.Oldest = true
	case 1:
		q.Tail = 1 + p.random.IntN(10)
	case 2:
		q.Snapshot = true
	default:
		_, newest, err := p.memory.Bounds(p.Context(), []string{"none"})
		if err != nil {
			p.Fatalf("Bounds: %v", err)
		}
		q.After.Seq = newest.Seq - min(newest.Seq, p.random.Uint64N(20)) + p.random.Uint64N(2)
	}
	return q
}

// reason returns the reason of a gap, or "".
func reason(err error) core.GapReason {
	if gap := (*core.GapError)(nil); errors.As(err, &gap) {
		return gap.Reason
	}
	return ""
}

// same compares entries without their epochs.
func (p *storePair) same(what string, got, want []*core.Entry) {
	p.Helper()
	diff := slices.CompareFunc(got, want, func(a, b *core.Entry) int {
		if !a.Time.Equal(b.Time) || a.To != b.To || a.Key != b.Key || a.Channel != b.Channel {
			return 1
		}
		ra, rb := a.Record(), b.Record()
		return cmp.Or(cmp.Compare(a.Position.Seq, b.Position.Seq), cmp.Compare(a.Until(), b.Until()),
			cmp.Compare(ra.ID, rb.ID), slices.Compare(ra.Body, rb.Body))
	})
	if diff != 0 {
		p.Fatalf("%s: got %s, want %s", what, ids(got), ids(want))
	}
}
