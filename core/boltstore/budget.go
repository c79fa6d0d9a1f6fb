package boltstore

// budget bounds what one transaction removes, so that an Append does not wait
// long while old data is removed. It is spent when both counts are 0 or less.
type budget struct {
	keys  int
	bytes int64 // of the values that the keys stand for
}

// Budgets of a transaction that adds nothing.
const (
	trimBudget  = 4096 // keys, for entries over a bound
	sweepBudget = 256  // keys, for the rest of forgotten channels
)

// earn raises the budget for a record that adds so many bytes to the file, by
// more than the record takes: a record has three keys at most. Removal thus
// keeps up with publishing, in keys and in bytes.
func (b *budget) earn(bytes uint64) {
	b.keys += 4
	b.bytes += 2 * int64(bytes) //nolint:gosec // It is a length.
}

// pay lowers the budget for a removed key and its bytes.
func (b *budget) pay(bytes uint64) {
	b.keys--
	b.bytes -= int64(bytes) //nolint:gosec // It is a length.
}

// spent reports whether no more may be removed.
func (b *budget) spent() bool { return b.keys <= 0 && b.bytes <= 0 }
