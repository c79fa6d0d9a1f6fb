package history

import "slices"

// Epochs are the epochs of a store, oldest first. Sequence numbers continue
// from one to the next.
type Epochs []Epoch

// Epoch is one lifetime of a store.
type Epoch struct {
	// ID is the Epoch of its positions.
	ID uint64
	// Base is the newest sequence number of the epochs before.
	Base uint64
}

// maxEpochs is the number of epochs that Begin keeps.
const maxEpochs = 64

// Begin returns the epochs and a new one, which follows the sequence number
// base. It drops the oldest of many epochs: their positions become unknown.
func (e Epochs) Begin(base uint64) Epochs {
	e = append(slices.Clone(e), Epoch{NewEpoch(), base})
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

// Knows reports whether a position is within one of the epochs. It does not
// check the end of the newest epoch.
func (e Epochs) Knows(p Position) bool {
	for i, one := range e {
		if one.ID == p.Epoch {
			return i == len(e)-1 || p.Seq <= e[i+1].Base
		}
	}
	return false
}
