package boltstore

// budget bounds what one transaction removes, so that an Append does not wait
// long for what others left behind. It is spent when both of its counts are.
type budget struct {
	keys  int
	bytes int64 // of what the keys stand for
}

// Budgets of a transaction that adds nothing.
const (
	trimBudget  = 4096 // keys, for what is over a bound
	sweepBudget = 256  // keys, for what is left of forgotten channels
)

// earn raises the budget by what a record of so many bytes adds to the file, and
// more: a record has three keys at most. Removal keeps up with publishing, in
// keys and in bytes.
func (b *budget) earn(bytes uint64) {
	b.keys += 4
	b.bytes += 2 * int64(bytes) //nolint:gosec // It is a length.
}

// pay is for a key that is removed.
func (b *budget) pay(bytes uint64) {
	b.keys--
	b.bytes -= int64(bytes) //nolint:gosec // It is a length.
}

// spent reports whether no more may be removed.
func (b *budget) spent() bool { return b.keys <= 0 && b.bytes <= 0 }
