-- What is kept, and removing the rest.

-- kept tells what is kept of channels: the oldest and the newest event, or 0, and
-- the newest that is gone. A bound of 0 is none; ages are in microseconds.
CREATE FUNCTION kept(names text[], events bigint[], bytes bigint[], ages bigint[], idles bigint[])
RETURNS TABLE (name text, oldest bigint, newest bigint, gone bigint, size bigint) STABLE LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT q.name, coalesce(o.seq, 0), CASE WHEN o.seq IS NULL THEN 0 ELSE c.newest END,
		coalesce(o.prev, c.newest, CASE WHEN is_private(q.name) THEN 0 ELSE st.forgot END),
		coalesce(c.bytes - o.cum + o.size, 0)
	FROM state st
	CROSS JOIN unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS q (name, events, bytes, age, idle)
	LEFT JOIN channels c ON c.name = q.name
	LEFT JOIN LATERAL (
		SELECT e.seq FROM events e
		WHERE q.events > 0 AND e.channel = q.name AND e.nth > c.events - q.events ORDER BY e.nth LIMIT 1
	) n ON true
	LEFT JOIN LATERAL (
		SELECT e.seq, e.prev, e.cum, e.size FROM events e
		WHERE e.channel = q.name AND e.seq > greatest(c.gone, st.floor, n.seq - 1)
			AND NOT (q.idle > 0 AND c.at <= clock_timestamp() - q.idle * interval '1 microsecond')
			AND NOT (q.age > 0 AND e.at <= clock_timestamp() - q.age * interval '1 microsecond')
			AND NOT (q.bytes > 0 AND c.bytes - e.cum + e.size > q.bytes AND e.seq < c.newest)
		ORDER BY e.seq LIMIT 1
	) o ON true
	ORDER BY q.ordinality;
END $$;

-- forget drops channels, with their once keys. Nobody comes back to a private
-- channel: nothing is remembered of it.
CREATE FUNCTION forget(names text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	private text[] := (SELECT array_agg(n) FROM unnest(names) n WHERE is_private(n));
BEGIN
	PERFORM locked();
	DELETE FROM once WHERE channel = ANY (names);
	UPDATE channels SET gone = newest WHERE name = ANY (names) AND gone < newest;
	IF private IS NOT NULL THEN
		DELETE FROM events WHERE channel = ANY (private);
		DELETE FROM channels WHERE name = ANY (private);
	END IF;
END $$;

-- claim reports whether it is time to remove what is not kept, to one of those who
-- ask.
CREATE FUNCTION claim(every interval) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	now timestamptz := clock_timestamp();
BEGIN
	UPDATE maintenance SET at = now WHERE at <= now - every OR at > now;
	RETURN FOUND;
END $$;

-- trim_channels notes what is no longer kept of channels, and returns the size of the rest.
CREATE FUNCTION trim_channels(names text[], events bigint[], bytes bigint[], ages bigint[], idles bigint[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	total bigint;
BEGIN
	WITH k AS (
		SELECT * FROM kept(names, events, bytes, ages, idles)
	), trimmed AS (
		UPDATE channels c SET gone = k.gone FROM k WHERE c.name = k.name AND c.gone < k.gone
	)
	SELECT coalesce(sum(size), 0) INTO total FROM k;
	RETURN total;
END $$;

-- bound_total drops the oldest events, whatever their channel, until the rest has
-- a size of most.
CREATE FUNCTION bound_total(most bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	cut bigint;
BEGIN
	SELECT x.seq INTO cut FROM (
		SELECT e.seq, sum(e.size) OVER (ORDER BY e.seq DESC) AS newer
		FROM events e JOIN channels c ON c.name = e.channel AND e.seq > c.gone, state s WHERE e.seq > s.floor
	) x WHERE x.newer > most ORDER BY x.seq DESC LIMIT 1;
	PERFORM locked();
	UPDATE state SET floor = least(cut, head - 1), tx = pg_current_xact_id() WHERE floor < least(cut, head - 1);
END $$;

-- sweep removes what is not kept: whole partitions where nothing is left, and at
-- most so many rows of those where something is. Of the newest partition, it
-- removes nothing. It fails where it would wait for a reader. (A block with an
-- exception handler would be a transaction of its own to locked.)
CREATE FUNCTION sweep(most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	st   state;
	part record;
	live boolean;
	gone integer := 0;
	n    integer;
BEGIN
	SET LOCAL lock_timeout = '200ms';
	SELECT * INTO st FROM state;
	FOR part IN SELECT c.oid::regclass AS name, substr(c.relname, 8)::bigint AS start
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'events'::regclass ORDER BY 2 LOOP
		CONTINUE WHEN part.start >= st.head / st.span * st.span;
		EXECUTE format('SELECT EXISTS (SELECT FROM %s e JOIN channels c ON c.name = e.channel AND e.seq > c.gone WHERE e.seq > $1)', part.name)
			INTO live USING st.floor;
		IF NOT live THEN
			EXECUTE format('DROP TABLE %s', part.name);
		ELSIF gone < most THEN
			EXECUTE format('DELETE FROM %s WHERE seq IN (SELECT e.seq FROM %1$s e LEFT JOIN channels c ON c.name = e.channel
				WHERE c.name IS NULL OR e.seq <= greatest(c.gone, $1) LIMIT $2)', part.name) USING st.floor, most - gone;
			GET DIAGNOSTICS n = ROW_COUNT;
			gone := gone + n;
		END IF;
	END LOOP;
	RETURN gone;
END $$;

-- tidy keeps the smaller tables within their bounds, and adds the next partition
-- before it is needed. If the clock was set back, times in the future become now.
CREATE FUNCTION tidy(once_window interval, once_keys bigint, tombs integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	moment timestamptz := clock_timestamp();
	st state;
BEGIN
	SET LOCAL lock_timeout = '200ms';
	DELETE FROM once WHERE at <= moment - once_window;
	DELETE FROM once WHERE seq <= (SELECT x.seq FROM (
		SELECT o.seq, sum(1 + (octet_length(channel) + octet_length(key) + length(id)) / 256) OVER (ORDER BY o.seq DESC) AS weight FROM once o
		) x WHERE x.weight > once_keys ORDER BY x.seq DESC LIMIT 1);
	DELETE FROM writers WHERE at < moment - interval '1 day';
	SELECT * INTO st FROM state;
	IF st.at > moment + interval '1 second' THEN
		PERFORM locked();
		UPDATE events SET at = moment WHERE at > moment;
		UPDATE channels SET at = moment WHERE at > moment;
		UPDATE once SET at = moment WHERE at > moment;
		UPDATE state SET at = moment, tx = pg_current_xact_id();
	END IF;
	IF st.head + st.span / 2 >= st.ready THEN
		PERFORM extend(0);
	END IF;
	IF (SELECT count(*) FROM channels WHERE gone = newest) > tombs THEN
		PERFORM locked();
		UPDATE state SET tx = pg_current_xact_id(), forgot = greatest(forgot,
			(SELECT newest FROM channels WHERE gone = newest ORDER BY newest OFFSET tombs / 2 LIMIT 1));
		DELETE FROM channels WHERE gone = newest AND newest <= (SELECT forgot FROM state);
	END IF;
END $$;
