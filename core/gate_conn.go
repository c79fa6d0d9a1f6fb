package core

// ConnMode says how a gate's subscriptions are connected to their clients.
type ConnMode uint8

const (
	// AutoConn takes the connection over where that is possible, and sends a
	// response like any other where it is not.
	AutoConn ConnMode = iota
	// ResponseConn never takes a connection over.
	ResponseConn
	// OwnedConn refuses, with 501, subscriptions whose connection cannot be
	// taken over.
	OwnedConn
)

// String returns the mode's name.
func (m ConnMode) String() string {
	switch m {
	case ResponseConn:
		return "response"
	case OwnedConn:
		return "owned"
	default:
		return "auto"
	}
}
