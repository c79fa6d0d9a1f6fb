// Package broadcast is what the broadcast sample in Gin and the one in Fiber
// share: the event, the page that shows it, and the command line.
package broadcast

import (
	_ "embed" // for the page
	"time"

	"github.com/tidings-go/tidings/core"
)

// Channel is the channel that all clients are subscribed to.
const Channel = "my_channel"

// Ping returns the event that tells them the time, to the millisecond.
func Ping(now time.Time) core.Event {
	return core.Event{Name: "ping", Data: "Server time: " + now.Format("15:04:05.000")}
}

//go:embed static/index.html
var page []byte

// Page returns the page with the button, in HTML and UTF-8. It is the same
// slice each time: do not change it.
func Page() []byte { return page }
