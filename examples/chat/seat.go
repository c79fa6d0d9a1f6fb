package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tidings-go/tidings/core"
)

// seat is a name that belongs to a session: while a stream of it is open, and
// for the room's grace afterwards.
type seat struct {
	identity  string
	streams   int
	announced bool        // the room was told that the user joined
	leaving   *time.Timer // runs during the grace; nil otherwise
}

// identity returns what streams of a session under a name are known by to the
// hub. It is made of both, so that mail to one name is not shown under another;
// and by a one-way function, so that it may be seen in a log.
func identity(session, name string) string {
	sum := sha256.Sum256([]byte(session + " " + name))
	return hex.EncodeToString(sum[:])
}

// take takes a seat for one more stream. It reports false if the name belongs
// to another session.
func (r *Room) take(name, id string) (*seat, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seats[name]
	if s == nil {
		s = &seat{identity: id}
		r.seats[name] = s
	}
	if s.identity != id {
		return nil, false
	}
	s.streams++
	if s.leaving != nil {
		s.leaving.Stop()
		s.leaving = nil
	}
	return s, true
}

// giveBack gives back what take took. With the last stream, the grace begins.
func (r *Room) giveBack(name string, s *seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.streams--
	switch {
	case s.streams > 0:
	case !s.announced: // the room was not told of it
		delete(r.seats, name)
	default:
		var timer *time.Timer
		timer = time.AfterFunc(r.grace, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if s.leaving == timer { // or a stream came back just now
				delete(r.seats, name)
				r.publish([]core.Publication{system(name + " left")})
			}
		})
		s.leaving = timer
	}
}
