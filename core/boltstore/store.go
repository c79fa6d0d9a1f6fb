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

// Store keeps history in a file. Make one with [Open]. It is synchronous: when
// Append returns, its events have been delivered. Its methods are safe for
// concurrent use.
//
// A store has one goroutine, which ends with Close. It combines all waiting
// calls of Append into one transaction, commits it, delivers, and answers the
// calls. With SyncInterval, it writes their records to a journal instead, and
// commits them at every interval, and before a read. Each page is read in a
// transaction of its own, which ends before Read returns.
type Store struct {
	cfg    Config
	now    func() time.Time
	db     *bolt.DB
	file   *os.File       // the file of db, in case db cannot close it
	stuck  bool           // bbolt panicked, and db cannot close the file
	epochs history.Epochs // fixed while the file is open
	writer writer         // used by the goroutine only, except for pending.any

	requests chan *request
	closing  chan struct{}
	close    sync.Once
	done     chan struct{} // closed when the goroutine has ended
	closeErr error         // valid once done is closed
}

var _ history.Store = (*Store)(nil)

// request is a request to the goroutine: to append records, to attach a sink,
// to forget a channel, or, if none of these is set, to commit.
type request struct {
	records []history.Record
	sink    history.Sink
	forgets bool
	forget  string
	answer  chan answer // buffered, for one answer
}

type answer struct {
	entries []*history.Entry
	at      history.Position
	err     error
}

// ask sends a request to the goroutine, and waits for the answer until ctx
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

// Attach implements [history.Store]. It waits for the commit in progress.
func (s *Store) Attach(sink history.Sink) (history.Position, error) {
	a, err := s.ask(context.Background(), &request{sink: sink})
	return a.at, err
}

// Append implements [history.Store]. When it returns without an error, the
// records have what [Config.Sync] promises. An error of the file fails all
// concurrent calls of Append: none of their records is stored, or delivered.
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

// maxText is the maximum length in bytes of a text that becomes part of a key
// in the file. It is above the limits of a hub.
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

// Forget implements [history.Store]. The time it takes does not depend on how
// much is kept.
func (s *Store) Forget(ctx context.Context, channel string) error {
	_, err := s.ask(ctx, &request{forgets: true, forget: strings.Clone(channel)})
	return err
}

// Close implements [history.Store]. It waits for the commit and the reads in
// progress.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.closing) })
	<-s.done
	return s.closeErr
}
