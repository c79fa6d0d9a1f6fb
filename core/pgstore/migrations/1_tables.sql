-- The first version of the schema. The functions
-- run with the rights of the schema's owner; a role of an app may call them and
-- do nothing else. The files of a version run in this order: tables, publish,
-- retention.

-- The counter row. Its lock puts all events into one order, in the order in
-- which their transactions commit.
CREATE TABLE state (
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	head    bigint NOT NULL,           -- the newest position
	tx      xid8   NOT NULL,           -- the transaction that wrote this row
	mark    bigint NOT NULL,           -- incarnation() when the epoch began
	ready   bigint NOT NULL DEFAULT 1, -- there is a partition for the positions below
	span    bigint NOT NULL,           -- positions in a partition
	floor   bigint NOT NULL DEFAULT 0, -- events up to here went for TotalBytes
	forgot  bigint NOT NULL DEFAULT 0, -- channels without a row had no event after this
	at      timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);

CREATE TABLE epochs (
	n     bigint PRIMARY KEY, -- a sequence would skip some after a crash
	id    bigint NOT NULL,
	base  bigint NOT NULL,
	skip  bigint NOT NULL
);

-- An event has the running totals of its channel, so that what a retention keeps
-- is found without counting.
CREATE TABLE events (
	seq       bigint      NOT NULL PRIMARY KEY,
	prev      bigint      NOT NULL, -- the position before on the same channel, or 0
	nth       bigint      NOT NULL, -- events of the channel up to this one
	cum       bigint      NOT NULL, -- their size in bytes
	at        timestamptz NOT NULL,
	size      integer     NOT NULL,
	following integer     NOT NULL,
	channel   text        COLLATE "C" NOT NULL,
	audience  text        COLLATE "C" NOT NULL,
	id        bytea       NOT NULL,
	key       bytea       NOT NULL,
	body      bytea       NOT NULL
) PARTITION BY RANGE (seq);
CREATE INDEX ON events (channel, seq);
CREATE INDEX ON events (channel, nth);
CREATE INDEX ON events (channel, id, seq) WHERE id <> '';

CREATE TABLE channels (
	name    text COLLATE "C" PRIMARY KEY,
	newest  bigint NOT NULL,
	gone    bigint NOT NULL, -- events up to here are not kept
	events  bigint NOT NULL,
	bytes   bigint NOT NULL,
	at      timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE once (
	channel text COLLATE "C" NOT NULL,
	key     text COLLATE "C" NOT NULL,
	seq     bigint      NOT NULL,
	at      timestamptz NOT NULL,
	id      bytea       NOT NULL,
	PRIMARY KEY (channel, key)
);
CREATE INDEX ON once (seq);

-- The last batch of each open store, so that a batch that is sent again after a
-- lost connection is not stored twice.
CREATE TABLE writers (
	id    bigint PRIMARY KEY,
	n     bigint NOT NULL,
	base  bigint NOT NULL,
	epoch bigint NOT NULL,
	skips integer[] NOT NULL, -- the records that are not stored because of their once keys
	at    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- When a store last began to remove what is not kept.
CREATE TABLE maintenance (
	at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO maintenance VALUES (clock_timestamp());

-- Events of transactions of the app, until they are numbered.
CREATE TABLE outbox (
	n         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tx        xid8    NOT NULL DEFAULT pg_current_xact_id(),
	following integer NOT NULL DEFAULT 0,
	idle      bigint  NOT NULL DEFAULT 0,
	channel   text    NOT NULL,
	audience  text    NOT NULL DEFAULT '',
	once      text    NOT NULL DEFAULT '',
	id        bytea   NOT NULL DEFAULT '',
	key       bytea   NOT NULL DEFAULT '',
	body      bytea   NOT NULL
);
