package pgstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidings-go/tidings/core/history"
)

// Tx is a transaction of the app: a pgx.Tx, or the result of [SQL].
type Tx interface {
	Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error)
}

// SQLTx is a transaction of database/sql: a *sql.Tx, that of sqlx, or the
// Statement.ConnPool of a transaction of GORM.
type SQLTx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// SQL makes a transaction of database/sql one for [Store.PublishTx].
func SQL(tx SQLTx) Tx { return sqlTx{tx} }

type sqlTx struct{ tx SQLTx }

// Exec implements [Tx].
func (t sqlTx) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	_, err := t.tx.ExecContext(ctx, text, args...)
	return pgconn.CommandTag{}, err
}

const (
	// maxTxRecords bounds the events of a call of PublishTx.
	maxTxRecords = 512
	// outboxColumns is the number of arguments for an event.
	outboxColumns = 8
)

// PublishTx publishes events with a transaction of the app: if it commits, all
// of them are published, otherwise none. The transaction is one of the same
// database, on any connection. Records come from the Record method of a hub; there
// are 512 at most in one call, which are published together.
//
// PublishTx adds rows to a table, and takes no lock that another transaction
// waits for. After the commit, one of the stores on the schema gives the events
// their positions, within about the Sequence of [Config], in the order in which it
// sees transactions that have committed; those of one transaction stay together,
// in their order. They are delivered then. Their IDs are not known before,
// except those of the app's own.
//
// A record with a once key is left out if its key was published before.
func (s *Store) PublishTx(ctx context.Context, tx Tx, records ...history.Record) error {
	if len(records) == 0 {
		return nil
	}
	if len(records) > maxTxRecords {
		return fmt.Errorf("batch of %d events: %w", len(records), history.ErrTooLarge)
	}
	var text strings.Builder
	text.WriteString(s.sql.publish)
	args := make([]any, 0, outboxColumns*len(records))
	for i, r := range records {
		separator := byte(',')
		if i == 0 {
			separator = ' '
		}
		text.WriteByte(separator)
		for column := range outboxColumns {
			fmt.Fprintf(&text, "%c$%d", "(,"[min(column, 1)], len(args)+column+1)
		}
		text.WriteByte(')')
		args = append(args, int64(len(records)-1-i), s.idle(r.Channel), r.Channel, r.To.String(), r.Once, []byte(r.ID), []byte(r.Key), bytesOf(r.Body))
	}
	if _, err := tx.Exec(ctx, text.String(), args...); err != nil {
		return fmt.Errorf("tidings: publish: %w", err)
	}
	return nil
}

// bytesOf returns bytes that are not nil, which would be NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
