package boltstore

import "errors"

// Why a file cannot be opened, or read. The errors of [Open] and of the store's
// methods wrap one of these where it applies; test with [errors.Is].
var (
	// ErrLocked says that another process, or another store in this one, has the
	// file open.
	ErrLocked = errors.New("tidings: history file is in use")
	// ErrForeign says that the file is not one of this package's: it is no bbolt
	// file, or one of another application, or of another format. It has not been
	// changed.
	ErrForeign = errors.New("tidings: not a history file")
	// ErrDamaged says that the file is damaged, and was one of this package's as
	// far as can be told. Remove it to begin anew: a copy from earlier would give
	// positions again that clients know.
	ErrDamaged = errors.New("tidings: history file is damaged")
)
