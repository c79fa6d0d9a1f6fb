-- What all scripts share. Positions are decimal strings here: a number of Lua is
-- exact up to 2^53 only.

local stateKey, streamKey, channelsKey = KEYS[1], KEYS[2], KEYS[3]

local function add(a, n)
	local low, high = tonumber(string.sub(a, -12)) + n, string.sub(a, 1, -13)
	if low >= 1e12 then
		return add(high == '' and '0' or high, 1) .. string.format('%012.0f', low - 1e12)
	elseif high == '' then
		return string.format('%.0f', low)
	end
	return high .. string.format('%012.0f', low)
end

local function less(a, b) return #a < #b or #a == #b and a < b end

local function max(a, b) return less(a, b) and b or a end

local function text(n) return string.format('%.0f', n) end

-- mark changes whenever the server starts, and when a replica takes its place.
local function mark()
	local info = redis.call('INFO', 'server', 'replication')
	return (string.match(info, 'run_id:(%w+)') or '') .. (string.match(info, 'master_replid:(%w+)') or '')
end

-- The fields of the state: positions and the link of the newest entry first, then
-- numbers.
local texts = {'head', 'forgot', 'floor', 'tail', 'cut', 'link'}
local numbers = {'at', 'offset', 'bytes', 'count', 'cum', 'markCount', 'markCum', 'once'}

-- read returns the state, or nil if there is none, or if it was written by a
-- server that had not been restarted, or replaced, since: see begin.lua. Its time,
-- now, goes on from the newest that was written if the clock is set back.
local function read(anyMark)
	local got = redis.call('HMGET', stateKey, 'epoch', 'mark', unpack(texts))
	if not got[1] or not anyMark and got[2] ~= mark() then
		return nil
	end
	local st = {epoch = got[1]}
	for i, name in ipairs(texts) do st[name] = got[i + 2] or '0' end
	got = redis.call('HMGET', stateKey, unpack(numbers))
	for i, name in ipairs(numbers) do st[name] = tonumber(got[i] or 0) end
	local time = redis.call('TIME')
	st.wall = time[1] * 1000000 + time[2]
	if st.wall + st.offset < st.at then
		st.offset = st.at - st.wall
	end
	st.now = st.wall + st.offset
	return st
end

local function write(st)
	st.at = st.now
	local fields = {}
	for _, name in ipairs(texts) do
		fields[#fields + 1], fields[#fields + 2] = name, st[name]
	end
	for _, name in ipairs(numbers) do
		fields[#fields + 1], fields[#fields + 2] = name, text(st[name])
	end
	redis.call('HSET', stateKey, unpack(fields))
end

-- load fills in what is stored of a channel: the positions of its newest entry and
-- of the newest that is gone, how many entries there ever were and their bytes, the
-- time of the newest, and how many are in the index. c has its name, the bounds of
-- its retention, where 0 is none, and whether it is private.
local function load(st, c, packed)
	c.known = packed and true or false
	if packed then
		local newest, gone, n, cum, at, len = string.match(packed, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
		c.newest, c.gone = newest, gone
		c.n, c.cum, c.at, c.len = tonumber(n), tonumber(cum), tonumber(at), tonumber(len)
	else
		c.newest, c.gone, c.n, c.cum, c.at, c.len = '0', c.private and '0' or st.forgot, 0, 0, 0, 0
	end
end

local function pack(c)
	return string.format('%s %s %.0f %.0f %.0f %.0f', c.newest, c.gone, c.n, c.cum, c.at, c.len)
end

-- channels returns the channels that ARGV describes from i on, five arguments
-- each, and with keys each of its own, from KEYS[k] on.
local function channels(st, i, count, k, keys)
	local all, names = {}, {}
	for n = 1, count do
		local c = {
			name = ARGV[i], events = tonumber(ARGV[i + 1]), bytes = tonumber(ARGV[i + 2]), age = tonumber(ARGV[i + 3]),
			idle = tonumber(ARGV[i + 4]),
		}
		c.private = #c.name == 27 and string.find(c.name, '^~[A-Z2-7]*$') ~= nil
		for _, key in ipairs(keys) do
			c[key] = KEYS[k]
			k = k + 1
		end
		all[n], names[n] = c, c.name
		i = i + 5
	end
	for from = 1, count, 1000 do -- unpack has a limit
		local packed = redis.call('HMGET', channelsKey, unpack(names, from, math.min(count, from + 999)))
		for n, one in ipairs(packed) do load(st, all[from + n - 1], one) end
	end
	return all
end

-- entry returns an element of the index: the position, the bytes of the channel up
-- to it, its own, its time, and the app's ID and the subject, which may be empty.
local function entry(element)
	local seq, cum, size, at, length, rest = string.match(element, '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
	length = tonumber(length)
	return {
		seq = seq, cum = tonumber(cum), size = tonumber(size), at = tonumber(at),
		id = string.sub(rest, 1, length), subject = string.sub(rest, length + 1),
	}
end

-- give appends to an answer what nodes need of an element of the stream, and
-- returns how many bytes that is.
local function give(answer, e)
	local n, fields = #answer, e[2] -- c, its channel, m, and so on: see append.lua
	answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = string.match(e[1], '^%d+'), fields[2], fields[4], fields[6]
	return #fields[6]
end

local function at(c, rank) return entry(redis.call('LINDEX', c.index, rank)) end

-- keeps reports whether the entry with a rank in the index is kept.
local function keeps(st, c, rank, e)
	local nth = c.n - c.len + rank + 1
	return less(c.gone, e.seq) and less(st.floor, e.seq)
		and (c.events == 0 or nth > c.n - c.events)
		and (c.bytes == 0 or c.cum - e.cum + e.size <= c.bytes or nth == c.n)
		and (c.age == 0 or st.now - e.at < c.age)
		and (c.idle == 0 or st.now - c.at < c.idle)
end

-- search returns the first rank from low on, and below high, for whose entry holds
-- is true, and for all later ones; or high.
local function search(c, low, high, holds)
	while low < high do
		local middle = math.floor((low + high) / 2)
		if holds(middle, at(c, middle)) then
			high = middle
		else
			low = middle + 1
		end
	end
	return low
end

-- first returns the rank of the oldest entry that is kept, or c.len.
local function first(st, c)
	local low = c.events > 0 and math.max(0, c.len - c.events) or 0
	if low == c.len or keeps(st, c, low, at(c, low)) then
		return low
	end
	return search(c, low + 1, c.len, function(rank, e) return keeps(st, c, rank, e) end)
end

-- extent returns the positions of the oldest and the newest entry that is kept, or
-- 0, and of the newest that is not, their bytes, and the rank of the oldest.
local function extent(st, c)
	local rank = first(st, c)
	if rank == c.len then
		return '0', '0', max(c.gone, c.newest), 0, rank
	end
	local e, gone = at(c, rank), c.gone
	if rank > 0 then
		gone = at(c, rank - 1).seq
	end
	return e.seq, c.newest, gone, c.cum - e.cum + e.size, rank
end

-- drop removes up to most of the oldest entries of a channel that are not kept.
-- Those after the tail are left for other nodes, which may not have seen them.
local function drop(st, c, most)
	for _ = 1, most do
		local element = c.len > 0 and redis.call('LINDEX', c.index, 0)
		if not element then return false end
		local e = entry(element)
		if less(st.tail, e.seq) or keeps(st, c, 0, e) then return false end
		redis.call('LPOP', c.index)
		redis.call('XDEL', streamKey, e.seq .. '-0')
		if e.id ~= '' and redis.call('HGET', c.ids, e.id) == e.seq then
			redis.call('HDEL', c.ids, e.id)
		end
		if e.subject ~= '' and tonumber(redis.call('ZSCORE', c.subjects, e.subject)) == c.n - c.len + 1 then
			redis.call('ZREM', c.subjects, e.subject)
		end
		c.len = c.len - 1
		c.gone, st.cut = max(c.gone, e.seq), max(st.cut, e.seq)
		st.bytes = st.bytes - e.size
	end
	return true
end
