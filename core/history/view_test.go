package history_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// list is a cursor over entries in a slice.
type list struct {
	entries []*history.Entry
	i       int
}

func (l *list) Seek(after uint64) error {
	for l.i = 0; l.i < len(l.entries) && l.entries[l.i].Seq() <= after; {
		l.i++
	}
	return nil
}

func (l *list) Next() error { l.i++; return nil }

func (l *list) Back() error { l.i--; return nil }

func (l *list) Seq() uint64 {
	if l.i < 0 || l.i >= len(l.entries) {
		return 0
	}
	return l.entries[l.i].Seq()
}

func (l *list) Entry() (*history.Entry, error) { return l.entries[l.i], nil }

// world is a view of random channels, and all entries that they keep.
type world struct {
	history.View

	kept []*history.Entry
}

func newWorld(random *rand.Rand) (w world) {
	w.Epochs = history.Epochs(nil).Begin(0).Begin(4).Begin(9)
	w.Head, w.Channels = 30, make([]history.Kept, 1+random.IntN(4))
	for seq := range w.Head {
		i := random.IntN(len(w.Channels) + 1) // the last one stands for other channels
		if i == len(w.Channels) {
			continue
		}
		if k := &w.Channels[i]; random.IntN(4) == 0 && k.Oldest == 0 {
			k.Gone = seq + 1
		} else {
			if k.Newest = seq + 1; k.Oldest == 0 {
				k.Oldest = seq + 1
			}
			r := history.Record{Channel: strconv.Itoa(i), Body: make([]byte, random.IntN(50))}
			w.kept = append(w.kept, r.At(w.Epochs.At(seq+1), time.Time{}))
		}
	}
	return w
}

// cursors returns a new cursor for each channel.
func (w world) cursors() []history.Cursor {
	all := make([]history.Cursor, len(w.Channels))
	for i := range all {
		l := &list{i: -1}
		for _, e := range w.kept {
			if e.Channel == strconv.Itoa(i) {
				l.entries = append(l.entries, e)
			}
		}
		all[i] = l
	}
	return all
}

// gap returns the reason why the entries after a position are not all kept.
func (w world) gap(after history.Position) history.GapReason {
	switch known := after.Seq <= 4 && after.Epoch == w.Epochs[0].ID || after.Seq <= 9 && after.Epoch == w.Epochs[1].ID || after.Epoch == w.Epochs[2].ID; {
	case !known:
		return history.GapRestarted
	case after.Seq > w.Head:
		return history.GapUnknown
	case slices.ContainsFunc(w.Channels, func(k history.Kept) bool { return after.Seq < k.Gone }):
		return history.GapTrimmed
	}
	return ""
}

// Read answers with the entries that the query selects, in order, within the
// bounds, or with a gap.
func TestViewRead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 6))
		w := newWorld(random)
		q := history.Query{MaxEvents: random.IntN(12), MaxBytes: random.IntN(2000)}
		want := w.kept
		wantGap := history.GapReason("")
		switch random.IntN(3) {
		case 0:
			q.Oldest = true
		case 1:
			q.Tail = 1 + random.IntN(12)
			want = want[max(0, len(want)-q.Tail):]
		default:
			q.After = history.Position{Epoch: w.Epochs[random.IntN(3)].ID, Seq: random.Uint64N(33)}
			wantGap = w.gap(q.After)
			first := slices.IndexFunc(want, func(e *history.Entry) bool { return e.Seq() > q.After.Seq })
			if want = want[len(want):]; first >= 0 {
				want = w.kept[first:]
			}
		}
		page, err := w.Read(q, w.cursors())
		gap := (*history.GapError)(nil)
		if errors.As(err, &gap); wantGap != "" {
			if gap == nil || gap.Reason != wantGap {
				t.Fatalf("seed %d: got error %v, want a gap: %s", seed, err, wantGap)
			}
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: got error %v, want none", seed, err)
		}
		wantPage(t, fmt.Sprintf("seed %d, %+v", seed, q), w, q, page, want)
	}
}

// wantPage checks a page of the entries that a query selects.
func wantPage(t *testing.T, what string, w world, q history.Query, page history.Page, want []*history.Entry) {
	t.Helper()
	events, left := q.Limits()
	n := 0
	for n < len(want) && (n == 0 || n < events && want[n].Size() <= left) {
		left -= want[n].Size()
		n++
	}
	through := w.Epochs.Newest(w.Head)
	if n < len(want) {
		through = want[n-1].Position
	}
	if !slices.Equal(page.Entries, want[:n]) || page.Through != through {
		t.Fatalf("%s: got %d entries through %v, want %d through %v", what, len(page.Entries), page.Through, n, through)
	}
	if got := len(page.Gone); q.Follows() != (got == 0) {
		t.Fatalf("%s: got Gone of %d channels", what, got)
	}
	for i, gone := range page.Gone {
		if gone != w.Channels[i].Gone {
			t.Fatalf("%s: got Gone %d, want those of %v", what, page.Gone, w.Channels)
		}
	}
}

func TestViewBoundsAndResolve(t *testing.T) {
	t.Parallel()
	w := world{View: history.View{
		Epochs: history.Epochs(nil).Begin(0).Begin(4), Head: 12,
		Channels: []history.Kept{{Oldest: 3, Newest: 7, Gone: 2}, {Gone: 8}, {Oldest: 5, Newest: 9}},
	}}
	old, now := w.Epochs[0].ID, w.Epochs[1].ID
	if oldest, newest := w.Bounds(); oldest != (history.Position{Epoch: old, Seq: 3}) || newest != (history.Position{Epoch: now, Seq: 9}) {
		t.Errorf("Bounds: got %v, %v, want numbers 3 and 9", oldest, newest)
	}
	for _, test := range []struct {
		id   string
		seqs [3]uint64 // by channel
		want uint64    // 0 for none
	}{
		{"one", [3]uint64{6, 0, 0}, 6},
		{"of several the oldest", [3]uint64{7, 0, 6}, 6},
		{"gone", [3]uint64{2, 8, 0}, 0},
		{"gone on one", [3]uint64{2, 8, 9}, 9},
		{history.Position{Epoch: old, Seq: 4}.String(), [3]uint64{}, 4},
		{history.Position{Epoch: old, Seq: 5}.String(), [3]uint64{}, 0},
		{history.Position{Epoch: now, Seq: 5}.String(), [3]uint64{}, 5},
		{history.Position{Epoch: now, Seq: 13}.String(), [3]uint64{}, 0},
	} {
		at, err := w.Resolve(test.id, func(i int) uint64 { return test.seqs[i] })
		if at.Seq != test.want || (test.want == 0) != errors.Is(err, history.ErrUnknownID) {
			t.Errorf("Resolve of %s: got %v, error %v, want number %d", test.id, at, err, test.want)
		}
	}
}
