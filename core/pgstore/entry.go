package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/history"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// state is the counter row and the epochs.
type state struct {
	epochs     history.Epochs
	head, span uint64
	intact     bool // what is there is what was written there
}

// state reads the counter row.
func (s *Store) state(ctx context.Context, q querier) (state, error) {
	return scanState(q.QueryRow(ctx, s.sql.state))
}

func scanState(row pgx.Row) (st state, err error) {
	var head, span int64
	var ids, bases, skips []int64
	if err = row.Scan(&head, &span, &st.intact, &ids, &bases, &skips); err != nil {
		return st, err
	}
	st.head, st.span = number(head), number(span)
	for i, id := range ids {
		st.epochs = append(st.epochs, history.Epoch{ID: number(id), Base: number(bases[i]), Skip: number(skips[i])})
	}
	return st, nil
}

// entries reads the rows of a query for entries.
func entries(rows pgx.Rows, epochs history.Epochs) ([]*history.Entry, error) {
	defer rows.Close()
	var all []*history.Entry
	for rows.Next() {
		var r history.Record
		var seq int64
		var at time.Time
		var audience string
		var id, key []byte
		if err := rows.Scan(&seq, &at, &r.Following, &r.Channel, &audience, &id, &key, &r.Body); err != nil {
			return nil, err
		}
		to, err := history.ParseAudience(audience)
		if err != nil {
			return nil, err
		}
		r.To, r.ID, r.Key = to, string(id), string(key)
		all = append(all, r.At(epochs.At(number(seq)), at))
	}
	return all, rows.Err()
}

// number returns a bigint of the database, all of which are positive.
func number(n int64) uint64 { return uint64(max(n, 0)) }

// bigint returns a sequence number for the database. Numbers that are too large
// are beyond all of those in it.
func bigint(n uint64) int64 { return int64(min(n, 1<<63-1)) } //nolint:gosec // It is bounded.
