package pgstore

import "strings"

// statements are the SQL statements of a store, with the name of its schema.
type statements struct {
	verify, diverge, state, append, sequence, publish string
	tail, kept, after, back, snapshot, resolve        string
	forget, trim, extend, bound, sweep, tidy, names   string
	claim                                             string
	listen                                            string
}

// columns are those of an entry.
const columns = "e.seq, e.at, e.following, e.channel, e.audience, e.id, e.key, e.body"

func newStatements(schema string) statements {
	in := func(text string) string { return strings.ReplaceAll(text, "{s}", quote(schema)) }
	// picked selects the entries of the sequence numbers in p, as many as fit into
	// $1 entries and $2 bytes, and one more: at least two, as the first one may be
	// larger.
	picked := ` SELECT ` + columns + ` FROM (
		SELECT p.seq, sum(p.size) OVER (ORDER BY p.seq) - p.size AS before,
			row_number() OVER (ORDER BY p.seq) AS n FROM p ORDER BY p.seq LIMIT $1
		) AS fit JOIN {s}.events e ON e.seq = fit.seq WHERE fit.before <= $2 OR fit.n <= 2 ORDER BY e.seq`
	return statements{
		verify:  in(`SELECT {s}.verify()`),
		extend:  in(`SELECT {s}.extend($1)`),
		diverge: in(`SELECT {s}.diverge($1, $2, $3)`),
		state: in(`SELECT s.head, s.span, s.xmin = s.tx::xid AND s.mark = {s}.incarnation(),
			ARRAY(SELECT id FROM {s}.epochs ORDER BY n), ARRAY(SELECT base FROM {s}.epochs ORDER BY n),
			ARRAY(SELECT skip FROM {s}.epochs ORDER BY n) FROM {s}.state s`),
		append:   in(`SELECT * FROM {s}.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`),
		sequence: in(`SELECT {s}.sequence($1, $2)`),
		publish:  in(`INSERT INTO {s}.outbox (following, idle, channel, audience, once, id, key, body) VALUES`),
		tail:     in(`WITH p AS (SELECT e.seq, e.size FROM {s}.events e WHERE e.seq >= $3 ORDER BY e.seq LIMIT $1)` + picked),
		kept:     in(`SELECT oldest, newest, gone FROM {s}.kept($1, $2, $3, $4, $5)`),
		after: in(`WITH p AS (SELECT x.seq, x.size FROM unnest($3::text[], $4::bigint[]) AS q (name, after)
			CROSS JOIN LATERAL (SELECT e.seq, e.size FROM {s}.events e
				WHERE e.channel = q.name AND e.seq > q.after ORDER BY e.seq LIMIT $1) x)` + picked),
		back: in(`SELECT min(y.seq) FROM (SELECT x.seq FROM unnest($2::text[], $3::bigint[]) AS q (name, after)
			CROSS JOIN LATERAL (SELECT e.seq FROM {s}.events e
				WHERE e.channel = q.name AND e.seq > q.after ORDER BY e.seq DESC LIMIT $1) x
			ORDER BY x.seq DESC LIMIT $1) y`),
		snapshot: in(`WITH p AS (SELECT x.seq, x.size FROM unnest($3::text[], $4::bigint[]) AS q (name, after)
			CROSS JOIN LATERAL (SELECT DISTINCT ON (e.audience, e.key) e.seq, e.size FROM {s}.events e
				WHERE e.channel = q.name AND e.seq > q.after AND e.key <> '' ORDER BY e.audience, e.key, e.seq DESC) x
			WHERE x.seq > $5)` + picked),
		resolve: in(`SELECT channel, max(seq) FROM {s}.events WHERE channel = ANY ($1) AND id = $2 AND id <> '' GROUP BY channel`),
		claim:   in(`SELECT {s}.claim($1)`),
		forget:  in(`SELECT {s}.forget($1)`),
		trim:    in(`SELECT {s}.trim_channels($1, $2, $3, $4, $5)`),
		bound:   in(`SELECT {s}.bound_total($1)`),
		sweep:   in(`SELECT {s}.sweep($1)`),
		tidy:    in(`SELECT {s}.tidy($1, $2, $3)`),
		names:   in(`SELECT name FROM {s}.channels WHERE name > $1 AND newest > gone ORDER BY name LIMIT $2`),
		listen:  `LISTEN ` + quote(schema),
	}
}
