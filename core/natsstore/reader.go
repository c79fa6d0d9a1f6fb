package natsstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// reader reads a stream in order, from a number on. It ends with an error if
// anything is out of order, and whenever the server is silent.
type reader struct {
	conn    *nats.Conn
	sub     *nats.Subscription
	msgs    chan *nats.Msg
	closed  chan struct{}
	stream  string
	name    string
	seq     uint64 // of the consumer
	pending uint64 // messages that the stream has after the last one
	silence time.Duration
}

// message of a stream.
type streamMsg struct {
	subject string
	seq     uint64
	stamp   time.Time
	data    []byte
}

var (
	errSilent  = errors.New("the server is silent")
	errDropped = errors.New("messages of the stream were dropped on the way")
)

// read starts reading a stream. A cluster may place the consumer on a server that
// is gone, and does not answer then: another try goes to another one.
func (s *Store) read(ctx context.Context, stream string, from uint64) (r *reader, err error) {
	const tries = 5
	for try := range tries {
		limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout/16<<try)
		r, err = s.readWithin(limited, stream, from)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return r, err
		}
	}
	return r, err
}

func (s *Store) readWithin(ctx context.Context, stream string, from uint64) (*reader, error) {
	beat := max(s.cfg.Poll/2, 100*time.Millisecond)
	r := &reader{
		conn: s.conn, msgs: make(chan *nats.Msg, applyAtOnce), closed: make(chan struct{}),
		stream: stream, name: "tidings-" + nuid.Next(), silence: 3 * beat,
	}
	inbox := s.conn.NewInbox()
	var err error
	// A synchronous subscription would drop messages above a number that belongs to
	// the connection, whatever its limits are.
	if r.sub, err = s.conn.Subscribe(inbox, r.receive); err != nil {
		return nil, err
	}
	if err = r.sub.SetPendingLimits(-1, -1); err == nil { // the flow control bounds them
		var answer struct {
			Pending uint64 `json:"num_pending"`
		}
		err = s.api(ctx, "CONSUMER.CREATE."+stream+"."+r.name, map[string]any{
			"stream_name": stream,
			"config": nats.ConsumerConfig{
				Name: r.name, DeliverSubject: inbox, DeliverPolicy: nats.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
				AckPolicy: nats.AckNonePolicy, ReplayPolicy: nats.ReplayInstantPolicy, MaxDeliver: 1, FlowControl: true,
				Heartbeat: beat, InactiveThreshold: max(10*beat, 5*time.Second), Replicas: 1, MemoryStorage: true,
			},
		}, &answer)
		r.pending = answer.Pending
	}
	if err != nil {
		r.unsubscribe()
		return nil, fmt.Errorf("consumer: %w", err)
	}
	return r, nil
}

// receive passes a message on. What waits meanwhile is bounded by the flow control,
// which next answers.
func (r *reader) receive(m *nats.Msg) {
	select {
	case r.msgs <- m:
	case <-r.closed:
	}
}

func (r *reader) unsubscribe() {
	close(r.closed)
	_ = r.sub.Unsubscribe()
}

// close ends reading. The server removes the consumer at once, if it can be asked.
func (r *reader) close(s *Store) {
	r.unsubscribe()
	if r.conn.IsConnected() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.life), time.Second)
		defer cancel()
		_ = s.api(ctx, "CONSUMER.DELETE."+r.stream+"."+r.name, nil, nil)
	}
}

// next returns the next message.
func (r *reader) next(ctx context.Context) (streamMsg, error) {
	for {
		m, err := r.take(ctx)
		if err != nil {
			return streamMsg{}, err
		}
		if status := m.Header.Get("Status"); len(m.Data) == 0 && status != "" {
			if err = r.control(m, status); err != nil {
				return streamMsg{}, err
			}
			continue
		}
		meta, err := m.Metadata()
		if err != nil {
			return streamMsg{}, err
		}
		if r.seq++; meta.Sequence.Consumer != r.seq {
			return streamMsg{}, errDropped
		}
		r.pending = meta.NumPending
		return streamMsg{m.Subject, meta.Sequence.Stream, meta.Timestamp, m.Data}, nil
	}
}

// take returns the next message, of whatever kind.
func (r *reader) take(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-r.msgs:
		return m, nil
	default:
	}
	timeout := time.NewTimer(r.silence)
	defer timeout.Stop()
	select {
	case m := <-r.msgs:
		return m, nil
	case <-timeout.C:
		return nil, errSilent
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// control answers a message of the server that is not of the stream.
func (r *reader) control(m *nats.Msg, status string) error {
	if status != "100" {
		return fmt.Errorf("the consumer ended: %.100s %.100s", status, m.Header.Get("Description"))
	}
	if m.Reply != "" {
		return m.Respond(nil)
	}
	if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
		return r.conn.Publish(stalled, nil)
	}
	if last := m.Header.Get("Nats-Last-Consumer"); last != "" {
		if n, err := strconv.ParseUint(last, 10, 64); err == nil && n > r.seq {
			return errDropped
		}
	}
	return nil
}

// waiting returns how many messages have come.
func (r *reader) waiting() int {
	n, _, err := r.sub.Pending()
	if err != nil {
		n = 0
	}
	return n + len(r.msgs)
}
