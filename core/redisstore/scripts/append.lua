-- Stores the n-th batch of a writer, once.
-- KEYS: also tombs, writers, once, marks; then the index, IDs, subjects and once
-- keys of each channel.
-- ARGV: the newest position that the node was delivered, and its link, if it is
-- known; writer, number of the batch, once window, events and bytes of the tail,
-- number of channels; the channels; for each record the number of its channel, its
-- own ID, subject, once key, bytes in memory, weight of the once key, and all that
-- nodes need.
-- It returns the epoch, the position before the batch, its time, the link of the
-- entry before, and how full the storage is; then, four each, of records that were
-- published before: which one, its position, time and ID.

local tombsKey, writersKey, onceKey, marksKey = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local seen, seenLink = ARGV[1], ARGV[2]
local writer, batch, window = ARGV[3], ARGV[4], tonumber(ARGV[5])
local link = writer .. '.' .. batch

local st = read()
if not st then return {} end

-- If what the node was delivered is not there any more, it must tell: otherwise its
-- position would be given again.
if seenLink ~= '' and (seen ~= st.head or seenLink ~= st.link) then
	local e = redis.call('XRANGE', streamKey, seen .. '-0', seen .. '-0')[1]
	if less(st.head, seen) or e and string.match(e[2][4], '^%d+ %d+ %d+ (%S+)') ~= seenLink then
		return {}
	end
end

local before = redis.call('HGET', writersKey, writer)
if before then
	local n, answer = string.match(before, '^(%d+) %d+ (.*)$')
	if n == batch then
		return cmsgpack.unpack(answer)
	end
end

local all = channels(st, 9, tonumber(ARGV[8]), 8, {'index', 'ids', 'subjects', 'once'})
for _, c in ipairs(all) do
	c.was, c.added = c.len, 0
	if c.idle > 0 and c.len > 0 and st.now - c.at >= c.idle then
		c.gone = c.newest -- a new event does not make old ones fresh again
	end
end

local answer = {st.epoch, st.head, text(st.wall), st.link}
local repeats = {}

-- known reports whether a record was published before, and adds it to repeats.
local function known(ord, c, key)
	local found = redis.call('HGET', c.once, key)
	if not found then return false end
	local seq, time, wall, own = string.match(found, '^(%d+) (%d+) (%d+) (.*)$')
	if st.now - tonumber(time) >= window then return false end
	for _, v in ipairs({text(ord), seq, wall, own}) do repeats[#repeats + 1] = v end
	return true
end

-- store gives a record its position. (%s of string.format would end at a zero byte.)
local function store(c, own, subject, once, size, weight, blob)
	st.head = add(st.head, 1)
	c.n, c.cum, c.len, c.added = c.n + 1, c.cum + size, c.len + 1, c.added + 1
	c.newest, c.at = st.head, st.now
	st.count, st.cum, st.bytes = st.count + 1, st.cum + size, st.bytes + size
	local chain = link -- of an entry that follows another of the batch
	if st.link ~= link then
		chain, st.link = link .. ' ' .. st.link, link
	end
	local meta = st.epoch .. ' ' .. text(st.wall) .. ' ' .. text(size) .. ' ' .. chain
	redis.call('XADD', streamKey, st.head .. '-0', 'c', c.name, 'm', meta, 'v', blob)
	redis.call('RPUSH', c.index, string.format('%s %.0f %.0f %.0f %d ', st.head, c.cum, size, st.now, #own) .. own .. subject)
	if own ~= '' then
		redis.call('HSET', c.ids, own, st.head)
	end
	if subject ~= '' then
		redis.call('ZADD', c.subjects, text(c.n), subject)
	end
	if once ~= '' then
		redis.call('HSET', c.once, once, string.format('%s %.0f %.0f ', st.head, st.now, st.wall) .. own)
		redis.call('RPUSH', onceKey, string.format('%.0f %.0f %s %d ', st.now, weight, st.head, #c.name) .. c.name .. once)
		st.once = st.once + weight
	end
end

local i = 9 + 5 * #all
for ord = 0, (#ARGV - i + 1) / 7 - 1 do
	local c, once = all[tonumber(ARGV[i])], ARGV[i + 3]
	if once == '' or not known(ord, c, once) then
		store(c, ARGV[i + 1], ARGV[i + 2], once, tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]), ARGV[i + 6])
	end
	i = i + 7
end

local packed = {}
for _, c in ipairs(all) do
	if c.added > 0 then
		if c.known and c.was == 0 then
			redis.call('ZREM', tombsKey, c.name)
		end
		drop(st, c, 2 * c.added + 2)
		packed[#packed + 1], packed[#packed + 2] = c.name, pack(c)
	end
end
for from = 1, #packed, 1000 do -- unpack has a limit
	redis.call('HSET', channelsKey, unpack(packed, from, math.min(#packed, from + 999)))
end

-- The tail is a list of eight marks: what is before the oldest need not be left
-- for other nodes.
if st.count - st.markCount >= tonumber(ARGV[6]) / 8 or st.cum - st.markCum >= tonumber(ARGV[7]) / 8 then
	st.markCount, st.markCum = st.count, st.cum
	if redis.call('RPUSH', marksKey, st.head) > 8 then
		st.tail = redis.call('LPOP', marksKey)
	end
end

answer[5], answer[6] = text(st.bytes), text(st.once)
for _, v in ipairs(repeats) do answer[#answer + 1] = v end
redis.call('HSET', writersKey, writer, string.format('%s %.0f ', batch, st.now) .. cmsgpack.pack(answer))
write(st)
return answer
