package core

// ConnMode is how a gate's subscriptions are connected to their clients.
type ConnMode uint8

const (
	// AutoConn takes the connection over from the server where that is
	// possible, over HTTP/1.1 and HTTP/1.0, and otherwise sends an ordinary
	// response.
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
