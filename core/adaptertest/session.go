package adaptertest

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// session is a client that goes on with its stream on new connections.
type session struct {
	to   *ssetest.Fixture
	path string // with the query
	// header holds header fields of all requests, as they are on the wire.
	header []string

	conn *ssetest.Conn
	body *ssetest.Reply
	id   string // to resume after
	seq  uint64 // position of the last event
}

// connect opens a stream after the last event ID.
func (s *session) connect(ctx context.Context) (err error) {
	fields := slices.Clone(s.header)
	if s.id != "" {
		fields = append(fields, "Last-Event-ID: "+s.id)
	}
	if s.conn, err = s.to.Dial(ctx, 0); err != nil {
		return err
	}
	s.body, err = s.conn.Ask(ssetest.Request(s.path, "1.1", fields...))
	if err == nil && s.body.StatusCode != http.StatusOK {
		err = fmt.Errorf("status: %s", s.body.Status)
	}
	return err
}

// next returns the next event. A reset is an error, and so is an event or a
// position out of order.
func (s *session) next() (core.Event, error) {
	ev, err := s.body.Next()
	if id := s.body.LastEventID(); id != "" {
		at, ok := core.ParsePosition(id)
		if !ok || at.Seq < s.seq || ev.ID != "" && at.Seq == s.seq {
			return ev, fmt.Errorf("position %s of event %+v: got it after %d", id, ev, s.seq)
		}
		if s.id = id; ev.ID != "" {
			s.seq = at.Seq
		}
	}
	if ev.Name == core.ResetEvent {
		err = fmt.Errorf("got a reset, want no gap: %s", ev.Data)
	}
	return ev, err
}

// cut closes the connection: with a FIN, or with a RST.
func (s *session) cut(reset bool) {
	if s.conn != nil {
		s.conn.Cut(reset)
		s.conn = nil
	}
}
