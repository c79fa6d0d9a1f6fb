package history

import (
	"slices"
	"time"
)

// Epochs are the epochs of a store, oldest first. Sequence numbers continue
// from one to the next.
type Epochs []Epoch

// Epoch is one lifetime of a store.
type Epoch struct {
	// ID is the Epoch of its positions.
	ID uint64
	// Base is the newest sequence number of the epochs before that is still the
	// one that was published: later ones are lost.
	Base uint64
	// Skip is how many sequence numbers after Base were never given to an event
	// of this epoch: see [EpochStart]. It is 0 if it is certain that no event of
	// the epochs before is lost.
	Skip uint64
}

// EpochStart returns the sequence number, Base and Skip together, after which an
// epoch goes on that begins because a storage may have gone back in time. It
// grows with the clock, by more than events can be published in that time. The
// sequence numbers of the epoch are thus larger than those of events that are
// lost, whatever became of the storage meanwhile, and nodes that were delivered
// these never mistake one for the other.
func EpochStart(head uint64, now time.Time) uint64 {
	const perSecond = 1 << 22
	seconds, rest := now.Unix(), now.Nanosecond()
	clock := uint64(max(seconds, 0))*perSecond + uint64(rest)*perSecond/1e9 //nolint:gosec // They are not negative.
	return max(head+1<<32, clock)
}

// maxEpochs is the number of epochs that Begin keeps.
const maxEpochs = 64

// Begin returns the epochs and a new one, which follows the sequence number
// base. It drops the oldest of many epochs: their positions become unknown.
func (e Epochs) Begin(base uint64) Epochs {
	e = append(slices.Clone(e), Epoch{ID: NewEpoch(), Base: base})
	return e[max(0, len(e)-maxEpochs):]
}

// At returns the position under which the entry with a sequence number was
// published.
func (e Epochs) At(seq uint64) Position {
	i := len(e) - 1
	for i > 0 && e[i].Base >= seq {
		i--
	}
	return Position{Epoch: e[i].ID, Seq: seq}
}

// Newest returns the position of a sequence number in the newest epoch.
func (e Epochs) Newest(seq uint64) Position {
	return Position{Epoch: e[len(e)-1].ID, Seq: seq}
}

// Knows reports whether a position is within one of the epochs, and its event is
// not lost. It does not check the end of the newest epoch.
func (e Epochs) Knows(p Position) bool {
	for i, one := range e {
		if one.ID != p.Epoch {
			continue
		}
		if p.Seq > one.Base && p.Seq-one.Base < one.Skip {
			return false
		}
		for _, later := range e[i+1:] {
			if p.Seq > later.Base {
				return false
			}
		}
		return true
	}
	return false
}
