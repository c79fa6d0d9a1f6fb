package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaVersion is the version of the schema that this package works with.
const schemaVersion = 1

// Migrate creates the schema of that configuration, or upgrades it to the
// version of this package. It needs a role that may create the schema, or owns
// it. Several calls at the same time wait for each other. Only Schema and
// PartitionEvents of the configuration are used.
//
// Each of the roles gets the rights that a [Store] needs, and no others: it may
// call the functions of the schema, read its tables, and add to the outbox. Open
// the store with NoMigrate under such a role.
func Migrate(ctx context.Context, dsn string, cfg Config, roles ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("tidings: database: %w", err)
	}
	err = migrate(ctx, conn, cfg.withDefaults(), roles)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func migrate(ctx context.Context, conn *pgx.Conn, cfg Config, roles []string) error {
	schema := quote(cfg.Schema)
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", lockKey(cfg.Schema)); err != nil {
			return err
		}
		version, err := version(ctx, tx, cfg.Schema)
		if err != nil {
			return err
		}
		for ; version < schemaVersion; version++ {
			if err := upgrade(ctx, tx, cfg, version+1); err != nil {
				return fmt.Errorf("version %d: %w", version+1, err)
			}
		}
		for _, role := range roles {
			if err := grant(ctx, tx, schema, quote(role)); err != nil {
				return fmt.Errorf("role %q: %w", role, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tidings: schema %q: %w", cfg.Schema, err)
	}
	return nil
}

// version returns the version of the schema, which is its comment, or 0 if there
// is no schema.
func version(ctx context.Context, q interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, schema string,
) (version int, err error) {
	var comment *string
	err = q.QueryRow(ctx, "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1", schema).Scan(&comment)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	case comment == nil:
		return 0, nil
	}
	version, err = strconv.Atoi(strings.TrimPrefix(*comment, commentPrefix))
	if err != nil {
		return 0, fmt.Errorf("comment %q: %w", *comment, errForeign)
	}
	return version, nil
}

const commentPrefix = "tidings "

var errVersion = errors.New("version")

var errForeign = errors.New("the schema is not one of tidings")

// upgrade runs the migration to a version.
func upgrade(ctx context.Context, tx pgx.Tx, cfg Config, to int) error {
	var text []byte
	for _, part := range []string{"tables", "publish", "retention"} {
		one, err := migrations.ReadFile(fmt.Sprintf("migrations/%d_%s.sql", to, part))
		if err != nil {
			return err
		}
		text = append(text, one...)
	}
	schema := quote(cfg.Schema)
	body := strings.NewReplacer("{channel}", literal(cfg.Schema), "{lock}", strconv.Itoa(int(lockKey(cfg.Schema)))).
		Replace(string(text))
	steps := []string{
		"CREATE SCHEMA IF NOT EXISTS " + schema,
		"SET LOCAL search_path = " + schema + ", pg_temp",
		body,
		`DO $$ DECLARE f regprocedure; BEGIN
			FOR f IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
				JOIN pg_language l ON l.oid = prolang WHERE nspname = current_schema() AND lanname = 'plpgsql' LOOP
				EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
				EXECUTE format('ALTER FUNCTION %s SET jit = off', f);
				EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
			END LOOP; END $$`,
		"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA " + schema + " FROM PUBLIC",
		"COMMENT ON SCHEMA " + schema + " IS '" + commentPrefix + strconv.Itoa(to) + "'",
	}
	if to == 1 {
		steps = append(steps, fmt.Sprintf(`INSERT INTO state (head, tx, mark, span) VALUES (0, pg_current_xact_id(), incarnation(), %d)`, cfg.PartitionEvents),
			"SELECT begin_epoch(0, 0)", "SELECT extend(0)")
	}
	for _, step := range steps {
		// Without arguments, and in the simple protocol, which takes several statements.
		if _, err := tx.Exec(ctx, step, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// grant gives a role the rights of a store.
func grant(ctx context.Context, tx pgx.Tx, schema, role string) error {
	for _, step := range []string{
		"GRANT USAGE ON SCHEMA " + schema + " TO " + role,
		"GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + " TO " + role,
		"GRANT INSERT ON " + schema + ".outbox TO " + role,
		"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA " + schema + " TO " + role,
	} {
		if _, err := tx.Exec(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// checkDatabase returns an error if the database does not have the schema.
func checkDatabase(ctx context.Context, conn *pgx.Conn, cfg Config) error {
	version, err := version(ctx, conn, cfg.Schema)
	switch {
	case err != nil:
		return fmt.Errorf("tidings: schema %q: %w", cfg.Schema, err)
	case version != schemaVersion:
		return fmt.Errorf("tidings: schema %q: %w %d, want %d", cfg.Schema, errVersion, version, schemaVersion)
	}
	if encoding := conn.PgConn().ParameterStatus("server_encoding"); encoding != "UTF8" {
		return fmt.Errorf("tidings: database encoding %q, want UTF8", encoding)
	}
	return nil
}

// quote returns an SQL identifier.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal returns the text of an SQL string without its quotes.
func literal(text string) string { return strings.ReplaceAll(text, "'", "''") }

// lockKey is the first key of the advisory locks of a schema.
func lockKey(schema string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte("tidings " + schema))
	return int32(h.Sum32()) //nolint:gosec // Any number will do.
}
