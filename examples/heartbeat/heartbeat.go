// Package heartbeat is what the heartbeat sample in Gin and the one in Fiber
// share: the stream's handler, the page that shows it, and the command line.
package heartbeat

import (
	_ "embed" // for the page
	"strconv"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Path is where the stream is.
const Path = "/rest/default/helloworld"

// Retry is how soon a client comes back that lost its connection.
const Retry = 500 * time.Millisecond

const interval = time.Second

// Payload is what a heartbeat says, in JSON.
type Payload struct {
	Sequence  uint64 `json:"sequence"`
	TimeStamp string `json:"timeStamp"` // ISO 8601, UTC, to the millisecond
}

// Beat sends a heartbeat every second: it is a [core.Handler]. Each stream has
// a sequence of its own, from 1; one that comes back with an ID goes on after
// it.
func Beat(s *core.Sender) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := after(s.LastEventID()); ; n++ {
		ev := core.Event{ID: strconv.FormatUint(n, 10), Name: "heartbeat"}
		now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
		if err := s.SendJSON(ev, Payload{Sequence: n, TimeStamp: now}); err != nil {
			return err // the client is gone
		}
		select {
		case <-ticker.C:
		case <-s.Draining(): // or ended
			return core.ErrDraining
		}
	}
}

// after returns the number that follows the one that an ID stands for. IDs that
// never were one of ours are like none.
func after(id string) uint64 {
	const exact = 53 // bits, which is as far as JavaScript counts
	n, err := strconv.ParseUint(id, 10, exact)
	if err != nil {
		return 1
	}
	return n + 1
}

//go:embed static/index.html
var page []byte

// Page returns the page that shows heartbeats, in HTML and UTF-8. It is the
// same slice each time: do not change it.
func Page() []byte { return page }
