package natsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

const (
	// maxBatch is how many messages a server takes in one batch. Hubs have half as
	// many at most.
	maxBatch = 1000
	// batchesAtOnce is how many calls with several records are sent at the same
	// time: a stream has room for 50 from all stores.
	batchesAtOnce = 12
	// callBytes bounds the events that wait for the server's answer.
	callBytes = 64 << 20
	// resendAfter is how long an answer may take before the store looks what became
	// of the question.
	resendAfter = 2 * time.Second
)

// call is a call of Append that waits. The store's mutex guards entries.
type call struct {
	number   uint64
	records  []history.Record
	size     int
	buffered bool
	batch    bool   // it has one of the places of batches
	retry    bool   // it is to be sent again
	late     int    // times that no answer came in time
	expect   uint64 // newest message on the subject of the once key
	entries  []*history.Entry
	done     chan struct{} // closed when entries has all
	failure  chan error    // capacity 1
}

// took takes the entry of one of the records.
func (c *call) took(e *history.Entry, part int) {
	if len(c.entries) == len(c.records) {
		return
	}
	if part == 0 { // the stream may be read again
		c.entries = c.entries[:0]
	}
	if part == len(c.entries) {
		c.entries = append(c.entries, e)
	}
	if len(c.entries) == len(c.records) {
		close(c.done)
	}
}

// Append implements [history.Store]. It returns when the server has acknowledged
// the records, and this store has delivered them. While the server is away, it
// returns an error that wraps [history.ErrUnavailable], or waits, as far as the
// buffer allows. After such an error, it is unknown whether records were stored
// that were being sent.
func (s *Store) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if len(records) > maxBatch {
		return nil, fmt.Errorf("%w: %d records at once, the server takes %d", history.ErrTooLarge, len(records), maxBatch)
	}
	c, err := s.enter(records)
	if err != nil {
		return nil, err
	}
	defer s.leave(c)
	began, reconnects := time.Now(), uint64(0)
	for try := 0; ; try++ {
		if err := s.admit(ctx, c, began); err != nil {
			return nil, err
		}
		if c.isDone() {
			return c.entries, nil
		}
		if first := s.repeated(c); first != nil {
			return first, nil
		}
		if now := s.conn.Stats().Reconnects; try == 0 || c.retry || now != reconnects {
			reconnects, c.retry = now, false
			if err := s.send(ctx, c); err != nil {
				c.fail(err)
			}
		}
		if entries, err := s.await(ctx, c); entries != nil || err != nil {
			return entries, err
		}
	}
}

func (c *call) isDone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *call) fail(err error) {
	select {
	case c.failure <- err:
	default:
	}
}

// enter registers a call.
func (s *Store) enter(records []history.Record) (*call, error) {
	c := &call{records: slices.Clone(records), done: make(chan struct{}), failure: make(chan error, 1)}
	for i := range records {
		c.size += records[i].MaxSize()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, history.ErrClosed
	case s.held > 0 && s.held+c.size > max(callBytes, s.cfg.Buffer):
		return nil, fmt.Errorf("%w: too much waits for the server", history.ErrUnavailable)
	}
	s.held += c.size
	s.number++
	c.number = s.number
	s.calls[c.number] = c
	return c, nil
}

func (s *Store) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= c.size
	if c.buffered {
		s.waiting -= c.size
	}
	delete(s.calls, c.number)
}

// admit waits until the call can be sent, as far as the buffer allows.
func (s *Store) admit(ctx context.Context, c *call, began time.Time) error {
	for {
		s.mu.Lock()
		ready, changed, closed := s.usable(), s.changed, s.closed
		away := s.health.Err()
		if !ready && away != nil && !c.buffered && s.waiting+c.size <= s.cfg.Buffer {
			c.buffered = true
			s.waiting += c.size
		}
		s.mu.Unlock()
		limit := time.Until(began.Add(s.cfg.Timeout))
		switch {
		case closed:
			return history.ErrClosed
		case c.buffered && ready:
			return nil
		case c.buffered:
			limit = time.Hour
		case away != nil && !ready:
			return away
		case limit <= 0:
			return fmt.Errorf("%w: no answer in time", history.ErrUnavailable)
		case ready:
			return nil
		}
		timer := time.NewTimer(limit)
		select {
		case <-changed:
		case <-c.done:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-s.life.Done():
			timer.Stop()
			return history.ErrClosed
		}
		timer.Stop()
	}
}

// repeated returns the entry of the first record with the call's once key, or nil.
func (s *Store) repeated(c *call) []*history.Entry {
	r := c.records[0]
	if r.Once == "" {
		return nil
	}
	s.mu.Lock()
	first, ok := s.index.once.first(r.Channel, r.Once, time.Now())
	s.mu.Unlock()
	if !ok {
		return nil
	}
	r.ID = first.id
	return []*history.Entry{r.At(first.position, first.stamp)}
}

// send publishes the records of a call.
func (s *Store) send(ctx context.Context, c *call) error {
	messages := make([]*nats.Msg, len(c.records))
	most := int(s.conn.MaxPayload())
	for i, r := range c.records {
		m := nats.NewMsg(s.subjects.event(r.Channel))
		if r.Once != "" {
			m.Subject = s.subjects.once(r.Channel, r.Once)
			m.Header.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(c.expect, 10))
		}
		m.Data = appendMessage(make([]byte, 0, len(r.Body)+len(r.Channel)+len(r.ID)+len(r.Key)+len(r.Once)+len(r.Trace)+128),
			message{callID{s.writer, c.number}, i, len(c.records), r})
		if len(c.records) > 1 {
			m.Header.Set("Nats-Batch-Id", strconv.FormatUint(s.writer, 36)+"-"+strconv.FormatUint(c.number, 36)+"-"+strconv.FormatInt(time.Now().UnixNano(), 36))
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		}
		if most > 0 && len(m.Data)+256 > most {
			return fmt.Errorf("%w: the server takes messages of %d bytes", history.ErrTooLarge, most)
		}
		messages[i] = m
	}
	last := messages[len(messages)-1]
	last.Reply = s.ackPrefix + strconv.FormatUint(c.number, 36)
	if len(messages) == 1 {
		return s.conn.PublishMsg(last)
	}
	last.Header.Set("Nats-Batch-Commit", "1")
	id := messages[0].Header.Get("Nats-Batch-Id")
	select {
	case s.batches <- struct{}{}:
		c.batch = true
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, m := range messages {
		m.Header.Set("Nats-Batch-Id", id)
		if err := s.conn.PublishMsg(m); err != nil {
			return err
		}
	}
	return nil
}

var errNoResponders = errors.New("no server answers for the stream")

// listen receives what the server answers.
func (s *Store) listen() (err error) {
	s.ackPrefix = s.conn.NewInbox() + "."
	s.acks, err = s.conn.Subscribe(s.ackPrefix+"*", func(m *nats.Msg) {
		number, failure := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.ackPrefix), 36, 64)
		if failure != nil {
			return
		}
		switch {
		case len(m.Data) == 0 && m.Header.Get("Status") != "":
			failure = errNoResponders
		case bytes.Contains(m.Data, []byte(`"error"`)):
			failure = parseAnswer(m, nil)
		}
		s.mu.Lock()
		c := s.calls[number]
		s.mu.Unlock()
		if c != nil && failure != nil {
			c.fail(failure)
		}
	})
	if err == nil {
		err = s.acks.SetPendingLimits(-1, -1)
	}
	return err
}

// await waits for what becomes of a call that was sent. It returns nothing if the
// call is to be looked at again.
func (s *Store) await(ctx context.Context, c *call) ([]*history.Entry, error) {
	defer s.endBatch(c)
	for {
		s.mu.Lock()
		ready, changed := s.usable(), s.changed
		s.mu.Unlock()
		if !ready && !c.isDone() && len(c.failure) == 0 {
			return nil, nil
		}
		timer := time.NewTimer(resendAfter << min(c.late, 4))
		select {
		case <-c.done:
			timer.Stop()
			return c.entries, nil
		case err := <-c.failure:
			timer.Stop()
			return nil, s.failed(ctx, c, err)
		case <-changed:
		case <-timer.C:
			c.retry = true
			c.late++
			return nil, s.settled(ctx)
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-s.life.Done():
			timer.Stop()
			return nil, history.ErrClosed
		}
		timer.Stop()
	}
}

func (s *Store) endBatch(c *call) {
	if c.batch {
		<-s.batches
		c.batch = false
	}
}

// failed deals with an error of the server, and returns nil if the call is to be
// sent again.
func (s *Store) failed(ctx context.Context, c *call, err error) error {
	c.retry = true
	switch {
	case errors.Is(err, history.ErrTooLarge), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, nats.ErrMaxPayload), isCode(err, codeMessageTooLarge):
		return fmt.Errorf("%w: %w", history.ErrTooLarge, err)
	case isCode(err, codeWrongLast):
		return s.usedKey(ctx, c, err)
	case isCode(err, codeWrongLastOther, codeBatchIncomplete):
		_ = sharedstore.Rest(ctx, 5*time.Millisecond)
		return nil
	case s.life.Err() != nil:
		return history.ErrClosed
	}
	if api := (*apiError)(nil); errors.As(err, &api) {
		return fmt.Errorf("%w: %w", history.ErrUnavailable, err)
	}
	if errors.Is(err, errNoResponders) {
		s.doubt(err)
	} else { // the connection is lost
		s.suspect(err)
	}
	_ = sharedstore.Rest(ctx, 20*time.Millisecond)
	return nil
}

// usedKey deals with a once key that has a message in the stream, or had one when
// the call was sent. If the index, which is up to date then, does not know the key,
// it may be used again.
func (s *Store) usedKey(ctx context.Context, c *call, wrong error) error {
	err := s.upToDate(ctx)
	if errors.Is(err, history.ErrUnavailable) {
		return nil // and nothing is known of the key
	}
	if answer := (*apiError)(nil); err == nil && errors.As(wrong, &answer) {
		c.expect, err = strconv.ParseUint(strings.TrimPrefix(answer.Description, "wrong last sequence: "), 10, 64)
	}
	return err
}

// settled returns when the index has what the stream has, or the server is away,
// which is no error here.
func (s *Store) settled(ctx context.Context) error {
	err := s.upToDate(ctx)
	if errors.Is(err, history.ErrUnavailable) {
		return nil
	}
	return err
}
