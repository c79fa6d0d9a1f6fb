-- Positions, epochs, and publishing.

-- incarnation changes whenever the server starts, and from a primary to the
-- replica that takes its place.
CREATE FUNCTION incarnation() RETURNS bigint STABLE LANGUAGE sql AS $$
	SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
$$;

-- is_private is history.IsPrivate.
CREATE FUNCTION is_private(name text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
	SELECT length(name) = 27 AND name ~ '^~[A-Z2-7]*$'
$$;

-- begin_epoch begins an epoch in which the positions after base go on. The
-- positions in between, up to start, belong to no event: see history.EpochStart.
-- The caller holds the lock of the counter row.
CREATE FUNCTION begin_epoch(base bigint, start bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	number bigint := (SELECT coalesce(max(n), 0) + 1 FROM epochs);
BEGIN
	INSERT INTO epochs (n, id, base, skip)
		VALUES (number, ('x' || substr(md5(gen_random_uuid()::text), 1, 10))::bit(40)::bigint | 1, base, start - base);
	DELETE FROM epochs WHERE n <= number - 64;
	UPDATE state SET head = start, mark = incarnation(), tx = pg_current_xact_id();
END $$;

-- epoch_start is history.EpochStart.
CREATE FUNCTION epoch_start(head bigint) RETURNS bigint VOLATILE LANGUAGE sql AS $$
	SELECT greatest(head + 4294967296, (extract(epoch FROM clock_timestamp()) * 4194304)::bigint)
$$;

-- locked locks the counter row and returns it. If the row was not written by the
-- transaction that it names, it was restored from a dump; if the server has been
-- started since, it may have been restored from a backup, or from a crash that
-- lost transactions. Events may be missing then that had been published: their
-- positions are not given again.
CREATE FUNCTION locked() RETURNS state LANGUAGE plpgsql AS $$
DECLARE
	st     state;
	intact boolean;
BEGIN
	SELECT s.xmin = s.tx::xid AND s.mark = incarnation() INTO STRICT intact FROM state s FOR UPDATE;
	IF NOT intact THEN
		PERFORM begin_epoch(head, epoch_start(head)) FROM state;
	END IF;
	SELECT * INTO st FROM state;
	RETURN st;
END $$;

-- verify begins a new epoch if the events may have gone back in time.
CREATE FUNCTION verify() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM locked();
END $$;

-- diverge is called by a node that was delivered events of an epoch that are not
-- there any more, or are others. The last one that is still the same is base, and
-- the last one that was delivered is head.
CREATE FUNCTION diverge(epoch bigint, base bigint, head bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
BEGIN
	PERFORM locked();
	IF epoch = (SELECT id FROM epochs ORDER BY n DESC LIMIT 1) THEN
		PERFORM begin_epoch(base, epoch_start(greatest(s.head, base, head))) FROM state s;
	END IF;
END $$;

-- add_partitions adds the partitions for positions up to through. Attaching them
-- does not wait for readers.
CREATE FUNCTION add_partitions(st state, through bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	start bigint := greatest(st.ready, st.head / st.span * st.span);
	name  text;
BEGIN
	WHILE start <= through LOOP
		name := 'events_' || start;
		IF to_regclass(name) IS NULL THEN
			EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
			EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
				name, start, (start / st.span + 1) * st.span);
		END IF;
		start := (start / st.span + 1) * st.span;
	END LOOP;
	UPDATE state SET ready = start, tx = pg_current_xact_id();
END $$;

-- extend adds the partitions for so many of the next positions, at least one. Before an event is stored in
-- a partition, the transaction that added the partition must have ended: another
-- session that sees the event then knows of the partition, too.
CREATE FUNCTION extend(most bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	st state := locked();
BEGIN
	PERFORM add_partitions(st, st.head + greatest(st.span, most));
END $$;

CREATE TYPE record_in AS (
	channel text, audience text, once text, id bytea, key bytea, following integer, body bytea,
	idle bigint -- microseconds without an event after which the channel has none, or 0
);

-- size_of is about the size of a record in the memory of a node.
CREATE FUNCTION size_of(body bytea, id bytea, key bytea, audience text) RETURNS integer IMMUTABLE LANGUAGE sql AS $$
	SELECT 160 + length(body) + length(id) + length(key) + octet_length(audience)
$$;

-- is_idle reports whether a channel had no event for so long that it has none any
-- more.
CREATE FUNCTION is_idle(newest timestamptz, now timestamptz, idle bigint) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
	SELECT idle > 0 AND extract(epoch FROM now - newest) * 1000000 >= idle
$$;

-- append_records gives positions to records and stores them. It returns the
-- ordinals of those that are not stored because of their once keys. It fails if
-- there is no partition, with the number of positions as the detail: see extend.
CREATE FUNCTION append_records(st state, rs record_in[], at timestamptz, once_window interval,
	OUT repeats integer[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	o     record;
	r     record_in;
	c     channels;
	count integer;
BEGIN
	repeats := '{}';
	FOR o IN SELECT * FROM unnest(rs) WITH ORDINALITY AS u WHERE u.once <> '' ORDER BY ordinality LOOP
		INSERT INTO once AS k (channel, key, seq, at, id)
			VALUES (o.channel, o.once, st.head + o.ordinality - cardinality(repeats), append_records.at, o.id)
			ON CONFLICT (channel, key) DO UPDATE SET seq = excluded.seq, at = excluded.at, id = excluded.id
			WHERE k.at <= append_records.at - once_window;
		IF NOT FOUND THEN
			repeats := repeats || o.ordinality::integer;
		END IF;
	END LOOP;
	count := cardinality(rs) - cardinality(repeats);
	IF count = 0 THEN
		RETURN;
	END IF;
	IF st.head + count >= st.ready THEN
		RAISE EXCEPTION 'no partition' USING ERRCODE = 'TD001', DETAIL = count;
	END IF;
	INSERT INTO channels (name, newest, gone, events, bytes, at)
		SELECT DISTINCT u.channel, g.gone, g.gone, 0, 0, append_records.at
		FROM unnest(rs) AS u
		CROSS JOIN LATERAL (SELECT CASE WHEN is_private(u.channel) THEN 0 ELSE st.forgot END AS gone) g
		WHERE NOT EXISTS (SELECT FROM channels c WHERE c.name = u.channel)
		ON CONFLICT (name) DO NOTHING;
	IF cardinality(rs) = 1 THEN -- the usual case, which is quicker this way
		r := rs[1];
		SELECT * INTO STRICT c FROM channels WHERE name = r.channel;
		c.events := c.events + 1;
		INSERT INTO events (seq, prev, nth, cum, at, size, following, channel, audience, id, key, body)
			VALUES (st.head + 1, c.newest, c.events, c.bytes + size_of(r.body, r.id, r.key, r.audience), append_records.at, size_of(r.body, r.id, r.key, r.audience),
				r.following, r.channel, r.audience, r.id, r.key, r.body);
		UPDATE channels SET newest = st.head + 1, events = c.events, bytes = c.bytes + size_of(r.body, r.id, r.key, r.audience), at = append_records.at,
			gone = CASE WHEN is_idle(channels.at, append_records.at, r.idle) THEN newest ELSE gone END
			WHERE name = r.channel;
	ELSE
		WITH input AS (
			SELECT st.head + row_number() OVER (ORDER BY ordinality) AS seq, u.*, size_of(u.body, u.id, u.key, u.audience) AS size
			FROM unnest(rs) WITH ORDINALITY AS u
			WHERE repeats = '{}' OR u.ordinality <> ALL (repeats)
		), numbered AS (
			SELECT input.*, coalesce(lag(seq) OVER w, c.newest) AS prev,
				c.events + row_number() OVER w AS nth, c.bytes + sum(input.size) OVER w AS cum
			FROM input JOIN channels c ON c.name = input.channel
			WINDOW w AS (PARTITION BY input.channel ORDER BY seq)
		), inserted AS (
			INSERT INTO events (seq, prev, nth, cum, at, size, following, channel, audience, id, key, body)
			SELECT seq, prev, nth, cum, append_records.at, size, following, channel, audience, id, key, body FROM numbered
		)
		UPDATE channels c SET newest = n.seq, events = n.nth, bytes = n.cum, at = append_records.at,
			gone = CASE WHEN is_idle(c.at, append_records.at, n.idle) THEN c.newest ELSE c.gone END
			FROM (SELECT DISTINCT ON (channel) channel, seq, nth, cum, idle FROM numbered ORDER BY channel, seq DESC) n
			WHERE c.name = n.channel;
	END IF;
	UPDATE state SET head = st.head + count, tx = pg_current_xact_id(), at = append_records.at;
	PERFORM pg_notify('{channel}', '');
END $$;

-- append stores the n-th batch of a writer, once. Its first row has the position
-- before the batch, its epoch and its time. The others tell of records with once
-- keys that were published before: which ones, and what was published.
CREATE FUNCTION append(writer bigint, batch bigint, once_window interval, channels text[], audiences text[],
	onces text[], ids bytea[], keys bytea[], followings integer[], bodies bytea[], idles bigint[])
RETURNS TABLE (ord integer, seq bigint, epoch bigint, at timestamptz, id bytea) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
	st    state := locked();
	moment timestamptz := clock_timestamp();
	wrote writers;
	rs    record_in[];
	skips integer[];
BEGIN
	SELECT * INTO wrote FROM writers w WHERE w.id = writer;
	IF NOT FOUND OR wrote.n < batch THEN
		SELECT array_agg((u.c, u.a, u.o, u.i, u.k, u.f, u.b, u.l)::record_in ORDER BY ordinality) INTO rs
			FROM unnest(channels, audiences, onces, ids, keys, followings, bodies, idles) WITH ORDINALITY AS u (c, a, o, i, k, f, b, l);
		skips := append_records(st, rs, moment, once_window);
		INSERT INTO writers AS w (id, n, base, epoch, skips, at)
			VALUES (writer, batch, st.head, (SELECT e.id FROM epochs e ORDER BY e.n DESC LIMIT 1), skips, moment)
			ON CONFLICT (id) DO UPDATE SET n = excluded.n, base = excluded.base, epoch = excluded.epoch,
				skips = excluded.skips, at = excluded.at
			RETURNING * INTO wrote;
	END IF;
	RETURN QUERY SELECT 0, wrote.base, wrote.epoch, wrote.at, NULL::bytea;
	IF wrote.skips <> '{}' THEN
		RETURN QUERY SELECT s.ord, o.seq, wrote.epoch, o.at, o.id
			FROM unnest(wrote.skips) AS s (ord) JOIN once o ON o.channel = channels[s.ord] AND o.key = onces[s.ord];
	END IF;
END $$;

-- sequence numbers events of committed transactions, those of one transaction
-- together. It returns how many, or -1 if another node is at it.
CREATE FUNCTION sequence(most integer, once_window interval) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	st state;
	rs record_in[];
BEGIN
	IF NOT EXISTS (SELECT FROM outbox) THEN
		RETURN 0;
	END IF;
	IF NOT pg_try_advisory_xact_lock({lock}, 1) THEN
		RETURN -1;
	END IF;
	st := locked();
	WITH taken AS (
		DELETE FROM outbox WHERE tx IN (SELECT o.tx FROM outbox o ORDER BY o.n LIMIT most) RETURNING *
	), ordered AS (
		SELECT *, min(n) OVER (PARTITION BY tx) AS first FROM taken
	)
	SELECT array_agg((channel, audience, once, id, key, following, body, idle)::record_in ORDER BY first, n) INTO rs FROM ordered;
	IF rs IS NULL THEN
		RETURN 0;
	END IF;
	PERFORM append_records(st, rs, clock_timestamp(), once_window);
	RETURN cardinality(rs);
END $$;
