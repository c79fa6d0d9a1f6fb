package boltstore

import (
	"errors"
	"fmt"
)

// Reasons why a file cannot be opened or read. The errors of [Open] and of the
// store's methods wrap one of these where it applies; test with [errors.Is].
var (
	// ErrLocked means that another process, or another store in this one, has
	// the file open.
	ErrLocked = errors.New("tidings: history file is in use")
	// ErrForeign means that the file is not one of this package's: it is no
	// bbolt file, or belongs to another application, or has another format. It
	// has not been changed.
	ErrForeign = errors.New("tidings: not a history file")
	// ErrDamaged means that the file is damaged, and was one of this package's
	// as far as the store can tell. Remove it to begin anew: an earlier copy
	// would give positions again that clients know.
	ErrDamaged = errors.New("tidings: history file is damaged")
)

// damage returns an error that wraps ErrDamaged.
func damage(what string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(what, args...))
}
