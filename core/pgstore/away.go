package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidings-go/tidings/core/history"
)

// gone records that the database is away, or back if err is nil. It returns the
// error for callers.
func (s *Store) gone(err error) error {
	if err == nil {
		if s.away.Swap(nil) != nil {
			s.cfg.Logger.LogAttrs(s.life, slog.LevelInfo, "the database is back")
			signal(s.news)
		}
		return nil
	}
	err = fmt.Errorf("%w: %w", history.ErrUnavailable, err)
	if s.away.Swap(&err) == nil && s.life.Err() == nil {
		s.cfg.Logger.LogAttrs(s.life, slog.LevelWarn, "the database is away", slog.Any("error", err))
	}
	return err
}

// isAway reports whether an error of a call means that the database cannot be
// used at the moment: the connection is lost, the server stops, starts, or is no
// primary, or the schema is being restored.
func isAway(err error) bool {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false
	case errors.As(err, &pg):
		return awayCode(pg.Code)
	case errors.Is(err, context.Canceled):
		return false
	}
	return true
}

// awayCode reports the same for an SQLSTATE.
func awayCode(code string) bool {
	for _, class := range []string{
		"08",                      // connection exceptions
		"57P",                     // the server stops or starts
		"53",                      // too many connections, disk full
		"25006",                   // read only: a replica
		"40001", "40P01", "55P03", // serialization, deadlock, lock timeout
		"57014",                                     // statement timeout
		"3D000", "3F000", "42P01", "42883", "42704", // no such database, schema, table, function, type
		"P0002",    // the counter row is missing
		"XX", "58", // internal and system errors
	} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}
