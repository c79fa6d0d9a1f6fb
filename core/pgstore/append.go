package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidings-go/tidings/core/history"
)

// Append implements [history.Store]. Calls at the same time share a transaction.
// While the database is away, Append returns an error that wraps
// [history.ErrUnavailable], or waits: see the Buffer of [Config]. After such an
// error, it is unknown whether records were stored that Append was working on.
func (s *Store) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	return s.appender.Append(ctx, records)
}

// extending calls write, and again with another partition if there is none for
// the next positions.
func (s *Store) extending(write func() error) error {
	err := write()
	var pg *pgconn.PgError
	for try := 0; errors.As(err, &pg) && pg.Code == noPartition && try < 3; try++ {
		most, _ := strconv.ParseInt(pg.Detail, 10, 64)
		if err = s.exec(s.life, s.sql.extend, most); err == nil {
			err = write()
		}
	}
	return err
}

// noPartition is the SQLSTATE of writing beyond the last partition.
const noPartition = "TD001"

// send stores a batch, and delivers it.
func (s *Store) send(records []history.Record, batch int64) (all []*history.Entry, err error) {
	ctx, cancel := s.within(s.life)
	defer cancel()
	var a answer
	if err = s.extending(func() (failure error) {
		a, failure = s.store(ctx, records, batch)
		return failure
	}); err != nil {
		return nil, err
	}
	all, fresh, err := s.place(ctx, records, a)
	if err != nil {
		return nil, err
	}
	s.feed.DeliverOwn(a.epoch, fresh)
	return all, nil
}

// answer is what the database says of a batch.
type answer struct {
	epoch, base uint64
	at          time.Time
	repeats     map[int]repeat // by index
}

// repeat is an event that was published before with the same once key.
type repeat struct {
	seq uint64
	at  time.Time
	id  []byte
}

// store calls the database.
func (s *Store) store(ctx context.Context, records []history.Record, batch int64) (a answer, err error) {
	n := len(records)
	channels, audiences, onces := make([]string, n), make([]string, n), make([]string, n)
	ids, keys, bodies := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	followings, idles := make([]int32, n), make([]int64, n)
	for i, r := range records {
		channels[i], audiences[i], onces[i] = r.Channel, r.To.String(), r.Once
		ids[i], keys[i], bodies[i] = []byte(r.ID), []byte(r.Key), bytesOf(r.Body)
		idles[i] = s.idle(r.Channel)
		followings[i] = int32(r.Following) //nolint:gosec // The hub's limits are far below.
	}
	rows, err := s.pool.Query(ctx, s.sql.append, s.writer, batch, s.once, channels, audiences, onces, ids, keys, followings, bodies, idles)
	if err != nil {
		return a, err
	}
	var ord int
	var seq, epoch int64
	var at time.Time
	var id []byte
	_, err = pgx.ForEachRow(rows, []any{&ord, &seq, &epoch, &at, &id}, func() error {
		if ord == 0 {
			a.epoch, a.base, a.at = number(epoch), number(seq), at
			return nil
		}
		if a.repeats == nil {
			a.repeats = make(map[int]repeat)
		}
		a.repeats[ord-1] = repeat{number(seq), at, slices.Clone(id)}
		return nil
	})
	if err == nil && a.epoch == 0 {
		err = fmt.Errorf("tidings: database: no answer: %w", pgx.ErrNoRows)
	}
	return a, err
}

// idle returns after how many microseconds without an event a channel is
// forgotten, or 0 for never.
func (s *Store) idle(channel string) int64 { return s.cfg.Retention.Of(channel).Idle.Microseconds() }

// place makes the entries of a batch. fresh are those that are not repeats.
func (s *Store) place(ctx context.Context, records []history.Record, a answer) (all, fresh []*history.Entry, err error) {
	epochs, err := s.epochsWith(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	all, fresh = make([]*history.Entry, len(records)), make([]*history.Entry, 0, len(records))
	seq := a.base
	for i, r := range records {
		if first, ok := a.repeats[i]; ok {
			r.ID = string(first.id)
			all[i] = r.At(epochs.At(first.seq), first.at)
			continue
		}
		seq++
		all[i] = r.At(history.Position{Epoch: a.epoch, Seq: seq}, a.at)
		fresh = append(fresh, all[i])
	}
	return all, fresh, nil
}

// epochsWith returns epochs that tell the position of the repeats of an answer.
func (s *Store) epochsWith(ctx context.Context, a answer) (history.Epochs, error) {
	if len(a.repeats) == 0 {
		return nil, nil
	}
	epochs := s.feed.Epochs()
	if epochs.Newest(0).Epoch == a.epoch {
		return epochs, nil
	}
	st, err := s.state(ctx, s.pool)
	return st.epochs, err
}
