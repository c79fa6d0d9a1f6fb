package pgstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/sharedstore"
)

// view calls ask with what is kept of channels, in a transaction that sees the
// same events all the time. The error wraps [history.ErrUnavailable] if the
// database is away.
func (s *Store) view(ctx context.Context, channels []string, ask func(ctx context.Context, tx querier, v history.View) error) error {
	limit := time.Now().Add(s.cfg.Timeout)
	for try := 0; ; try++ {
		err := s.viewOnce(ctx, channels, ask)
		switch gap := (*history.GapError)(nil); {
		case s.life.Err() != nil:
			return history.ErrClosed
		case err == nil, errors.As(err, &gap), errors.Is(err, history.ErrUnknownID):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errStale) && time.Now().Before(limit):
			s.feed.Wake()
			s.rest(5 * time.Millisecond)
		case !isAway(err):
			return err
		case try > 0: // the first connection may have been an old one
			return s.health.Gone(s.life, err)
		}
	}
}

func (s *Store) viewOnce(ctx context.Context, channels []string, ask func(ctx context.Context, tx querier, v history.View) error) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it if the transaction has not ended
	v, err := s.beginView(ctx, conn, channels)
	if err == nil {
		err = ask(ctx, conn, v)
	}
	if _, rollbackErr := conn.Exec(ctx, "ROLLBACK"); err == nil { // it only read
		err = rollbackErr
	}
	return err
}

// beginView begins the transaction, and reads what is kept, in one round trip.
func (s *Store) beginView(ctx context.Context, conn *pgxpool.Conn, channels []string) (v history.View, err error) {
	var batch pgx.Batch
	batch.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	batch.Queue("SET LOCAL jit = off") // compiling a query of a millisecond would take twenty
	batch.Queue(s.sql.state)
	batch.Queue(s.sql.kept, s.bounds(channels)...)
	results := conn.SendBatch(ctx, &batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	for range 2 {
		if _, err = results.Exec(); err != nil {
			return v, err
		}
	}
	st, err := scanState(results.QueryRow())
	if err != nil {
		return v, err
	}
	if !st.intact || !s.feed.IsIn(st.epochs) {
		return v, errStale
	}
	rows, err := results.Query()
	if err != nil {
		return v, err
	}
	v = history.View{Epochs: st.epochs, Head: st.head}
	v.Channels, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k history.Kept, err error) {
		var oldest, newest, gone int64
		err = row.Scan(&oldest, &newest, &gone)
		return history.Kept{Oldest: number(oldest), Newest: number(newest), Gone: number(gone)}, err
	})
	return v, err
}

// errStale means that the database has begun a new epoch of which the sinks have
// not been told, or has to begin one.
var errStale = errors.New("the database was started or restored")

// bounds returns the arguments of the statements kept and trim.
func (s *Store) bounds(channels []string) []any {
	n := len(channels)
	events, bytes, ages, idles := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, name := range channels {
		k := s.cfg.Retention.Of(name)
		events[i], bytes[i] = int64(k.Events), int64(k.Bytes)
		ages[i], idles[i] = k.Age.Microseconds(), k.Idle.Microseconds()
	}
	return []any{channels, events, bytes, ages, idles}
}

// Read implements [history.Store].
func (s *Store) Read(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.view(ctx, q.Channels, func(ctx context.Context, tx querier, v history.View) error {
		found, failure := s.find(ctx, tx, q, v)
		if failure != nil {
			return failure
		}
		if q.Tail > 0 {
			q.Tail, q.Oldest = 0, true // find has begun where the tail does
		}
		page, failure = v.Read(q, sharedstore.Cursors(q.Channels, found))
		return failure
	})
	return page, err
}

// find returns the entries for a page: as many as fit, and one more if there is
// one.
func (s *Store) find(ctx context.Context, tx querier, q history.Query, v history.View) ([]*history.Entry, error) {
	after := uint64(0)
	if q.Follows() {
		after = q.After.Seq
	}
	from, some := keptAfter(v, after)
	if !some {
		return nil, nil
	}
	events, bytes := q.Limits()
	text, args := s.sql.after, []any{min(int64(events), math.MaxInt64-1) + 1, int64(bytes), q.Channels, from}
	switch {
	case q.Snapshot: // of all that is kept; a key's newest entry may be before q.After
		text, args = s.sql.snapshot, append(args, bigint(q.After.Seq))
	case q.Tail > 0:
		var first *int64
		if err := tx.QueryRow(ctx, s.sql.back, q.Tail, q.Channels, from).Scan(&first); err != nil || first == nil {
			return nil, err
		}
		for i := range from {
			from[i] = max(from[i], *first-1)
		}
	}
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return entries(rows, v.Epochs)
}

// keptAfter returns for each channel the position after which its entries begin
// that are kept, and newer than after, and whether there may be any.
func keptAfter(v history.View, after uint64) (from []int64, some bool) {
	from = make([]int64, len(v.Channels))
	for i, k := range v.Channels {
		if from[i] = math.MaxInt64; k.Oldest > 0 {
			from[i] = bigint(max(k.Oldest-1, after))
		}
		some = some || k.Newest > after
	}
	return from, some
}

// Resolve implements [history.Store].
func (s *Store) Resolve(ctx context.Context, channels []string, id string) (at history.Position, err error) {
	err = s.view(ctx, channels, func(ctx context.Context, tx querier, v history.View) error {
		rows, failure := tx.Query(ctx, s.sql.resolve, channels, []byte(id))
		if failure != nil {
			return failure
		}
		newest := make(map[string]uint64)
		var name string
		var seq int64
		if _, failure = pgx.ForEachRow(rows, []any{&name, &seq}, func() error {
			newest[name] = number(seq)
			return nil
		}); failure != nil {
			return failure
		}
		at, failure = v.Resolve(id, func(i int) uint64 { return newest[channels[i]] })
		return failure
	})
	return at, err
}

// Bounds implements [history.Store].
func (s *Store) Bounds(ctx context.Context, channels []string) (oldest, newest history.Position, err error) {
	err = s.view(ctx, channels, func(_ context.Context, _ querier, v history.View) error {
		oldest, newest = v.Bounds()
		return nil
	})
	return oldest, newest, err
}
