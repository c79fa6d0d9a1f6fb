package history

import "hash/maphash"

// trailLength is the number of entries that a Trail remembers.
const trailLength = 4096

// Trail remembers fingerprints of the newest entries that a store has delivered.
// A store on a storage that can go back in time compares them with what the
// storage has at the same positions. The zero value is empty. It is not safe for
// concurrent use.
type Trail struct {
	seed  maphash.Seed
	steps []step // a ring: the next one goes to next
	next  int
}

type step struct{ seq, sum uint64 }

// Add remembers an entry.
func (t *Trail) Add(e *Entry) {
	if t.steps == nil {
		t.seed = maphash.MakeSeed()
	}
	s := step{e.Seq(), t.sum(e)}
	if len(t.steps) < trailLength {
		t.steps = append(t.steps, s)
		return
	}
	t.steps[t.next] = s
	t.next = (t.next + 1) % trailLength
}

// Oldest returns the sequence number of the oldest entry that is remembered, or
// 0 if there is none.
func (t *Trail) Oldest() uint64 {
	if len(t.steps) == 0 {
		return 0
	}
	return t.steps[t.next%len(t.steps)].seq
}

// Has reports whether the trail remembers the entry as it is, and differs
// reports whether it remembers another one with the same sequence number.
func (t *Trail) Has(e *Entry) (has, differs bool) {
	for i := range t.steps { // newest first
		s := t.steps[(t.next+len(t.steps)-1-i)%len(t.steps)]
		if s.seq <= e.Seq() {
			same := s == step{e.Seq(), t.sum(e)}
			return same, s.seq == e.Seq() && !same
		}
	}
	return false, false
}

// Reset forgets all entries.
func (t *Trail) Reset() { t.steps, t.next = t.steps[:0], 0 }

// sum returns the fingerprint of an entry. It leaves out the position, whose
// epoch may have changed.
func (t *Trail) sum(e *Entry) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	micros := e.Time.UnixMicro()
	for range 8 {
		_ = h.WriteByte(byte(micros))
		micros >>= 8
	}
	r := e.Record()
	for _, text := range []string{r.Channel, r.ID, r.Key, r.To.String()} {
		_, _ = h.WriteString(text)
		_ = h.WriteByte(0)
	}
	_, _ = h.Write(r.Body)
	return h.Sum64()
}
