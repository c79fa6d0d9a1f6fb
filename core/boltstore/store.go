package boltstore

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// Store keeps history in a file. Make one with [Open]. It is synchronous: what
// Append stores has been delivered when it returns. Its methods are safe for
// concurrent use.
//
// One goroutine belongs to it. It takes all who wait in Append into one
// transaction, commits it, delivers, and answers them. With SyncInterval, it
// puts them down in a journal instead, and commits what has come together at
// every interval, and before something is read. Each page is read in a
// transaction of its own, which ends before Read returns.
type Store struct {
	cfg    Config
	now    func() time.Time
	db     *bolt.DB
	file   *os.File // the same that db has, which may not be able to close it
	stuck  bool     // whether that is so
	epochs epochs   // which do not change while the file is open
	writer writer   // which belongs to the goroutine

	requests chan *request
	closing  chan struct{}
	close    sync.Once
	done     chan struct{} // closed when the goroutine has ended
	closeErr error         // set by then
}

var _ history.Store = (*Store)(nil)

// request is what the goroutine is asked for: to append records, to attach a
// sink, to forget a channel, or, if it is none of them, to commit.
type request struct {
	records []history.Record
	sink    history.Sink
	forgets bool
	forget  string
	answer  chan answer // has room for one
}

type answer struct {
	entries []*history.Entry
	at      history.Position
	err     error
}

// ask hands a request to the goroutine, and waits for the answer until ctx
// ends.
func (s *Store) ask(ctx context.Context, r *request) (answer, error) {
	r.answer = make(chan answer, 1)
	if err := ctx.Err(); err != nil {
		return answer{}, context.Cause(ctx)
	}
	select {
	case s.requests <- r:
	case <-s.closing:
		return answer{}, history.ErrClosed
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	select {
	case a := <-r.answer:
		return a, a.err
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
}

// Attach implements [history.Store]. It waits for the commit under way.
func (s *Store) Attach(sink history.Sink) (history.Position, error) {
	a, err := s.ask(context.Background(), &request{sink: sink})
	return a.at, err
}

// Append implements [history.Store]. When it returns without an error, what
// [Config.Sync] promises holds for the records. An error of the file's fails all
// who append at that moment: nothing of it is stored, or delivered.
func (s *Store) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	for _, r := range records {
		if err := check(&r); err != nil {
			return nil, err
		}
	}
	if len(records) == 0 {
		return nil, nil
	}
	a, err := s.ask(ctx, &request{records: append([]history.Record(nil), records...)})
	return a.entries, err
}

// maxText bounds what becomes part of a key in the file. It is above what a hub
// lets through.
const maxText = 8 << 10

// check returns an error if a record cannot be stored.
func check(r *history.Record) error {
	for _, text := range []string{r.Channel, r.ID, r.Once} {
		if len(text) > maxText {
			return fmt.Errorf("tidings: name of %d bytes: %w", len(text), history.ErrTooLarge)
		}
	}
	return nil
}

// Forget implements [history.Store]. It takes the same time however much is kept.
func (s *Store) Forget(ctx context.Context, channel string) error {
	_, err := s.ask(ctx, &request{forgets: true, forget: strings.Clone(channel)})
	return err
}

// Close implements [history.Store]. It waits for the commit under way, and for
// those who read.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.closing) })
	<-s.done
	return s.closeErr
}
