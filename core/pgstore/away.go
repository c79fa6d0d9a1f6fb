package pgstore

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

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
