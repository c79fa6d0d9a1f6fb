package history

import "errors"

// Errors of a store.
var (
	// ErrClosed is returned by a store, and by a hub, after Close.
	ErrClosed = errors.New("tidings: hub closed")
	// ErrTooLarge is returned for values above a limit of size or number.
	ErrTooLarge = errors.New("tidings: too large")
	// ErrUnknownID is returned by a [Store] for an ID that it does not hold.
	ErrUnknownID = errors.New("tidings: unknown event id")
	// ErrUnavailable is wrapped by the errors of a [Store] whose storage cannot be
	// reached at the moment. A later call may succeed. Streams stay open meanwhile.
	ErrUnavailable = errors.New("tidings: the store is not available")
	// ErrAudience is returned for an audience whose name is empty, longer than
	// [MaxNameBytes], not UTF-8, or holds a control character.
	ErrAudience = errors.New("tidings: audience")
)
