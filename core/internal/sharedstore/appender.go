package sharedstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// AppenderConfig configures an [Appender]. All but Buffer is required.
type AppenderConfig struct {
	// Send stores the records of a batch, all or none, and returns their entries.
	// Batches come one after the other. The same batch may come again if the first
	// call returned an error that is Away: it must not be stored twice.
	Send func(records []history.Record, batch int64) ([]*history.Entry, error)
	// Away reports whether an error of Send means that the storage cannot be used at
	// the moment.
	Away func(error) bool
	// Health is told of it.
	Health *Health
	// Buffer is how many bytes of events wait while the storage is away.
	Buffer int
}

// Appender puts calls of Append at the same time into batches. It is safe for
// concurrent use.
type Appender struct {
	cfg   AppenderConfig
	queue queue
}

// NewAppender returns an appender. Run must be called.
func NewAppender(cfg AppenderConfig) *Appender {
	a := &Appender{cfg: cfg}
	a.queue.init(cfg.Buffer)
	return a
}

// Append implements [history.Store]. While the storage is away, it returns an
// error that wraps [history.ErrUnavailable], or waits, as far as the buffer
// allows. After such an error, it is unknown whether records were stored that
// were being sent.
func (a *Appender) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	if len(records) == 0 {
		return nil, nil
	}
	r := &request{records: slices.Clone(records), done: make(chan struct{})}
	for i := range records {
		r.size += records[i].MaxSize()
	}
	if err := a.queue.add(r, a.cfg.Health.Err()); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if a.queue.remove(r) {
			return nil, context.Cause(ctx)
		}
		select {
		case <-r.done:
		default:
			return nil, context.Cause(ctx)
		}
	}
	return r.entries, r.err
}

// Close refuses all further calls, and those that wait.
func (a *Appender) Close() { a.queue.close() }

// Run sends one batch after the other until life ends.
func (a *Appender) Run(life context.Context) {
	batch := int64(0)
	for {
		calls := a.queue.take()
		if len(calls) == 0 {
			select {
			case <-a.queue.news:
				continue
			case <-life.Done():
				return
			}
		}
		batch++
		err := a.insist(life, calls, batch)
		if err != nil && len(calls) > 1 && !errors.Is(err, history.ErrUnavailable) && life.Err() == nil {
			// One of them may be at fault.
			for _, one := range calls {
				batch++
				if one.err = a.insist(life, []*request{one}, batch); one.err != nil {
					close(one.done)
				}
			}
			continue
		}
		if err != nil {
			for _, one := range calls {
				one.answer(nil, err)
			}
		}
	}
}

// insist sends a batch. The same batch is never stored twice, so it is sent again
// at once if the connection is lost, and then, as far as the buffer allows, until
// the storage is back.
func (a *Appender) insist(life context.Context, calls []*request, batch int64) error {
	size := 0
	for _, c := range calls {
		size += c.size
	}
	pause := 10 * time.Millisecond
	for try := 0; ; try++ {
		err := a.send(calls, batch)
		if life.Err() != nil && err != nil {
			return history.ErrClosed
		}
		if !a.cfg.Away(err) {
			if err == nil {
				_ = a.cfg.Health.Gone(life, nil)
			}
			return err
		}
		if try == 0 {
			continue
		}
		err = a.cfg.Health.Gone(life, err)
		a.queue.refuse(err)
		if size > a.cfg.Buffer {
			return err
		}
		if !Rest(life, pause) {
			return history.ErrClosed
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// send sends a batch, and answers the calls if it is stored.
func (a *Appender) send(calls []*request, batch int64) error {
	var records []history.Record
	for _, c := range calls {
		records = append(records, c.records...)
	}
	entries, err := a.cfg.Send(records, batch)
	if err != nil {
		return err
	}
	for _, c := range calls {
		n := len(c.records)
		c.answer(entries[:n:n], nil)
		entries = entries[n:]
	}
	return nil
}
