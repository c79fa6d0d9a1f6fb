-- Says whether it is time to remove what is not kept, to one of those who ask, and
-- keeps the smaller collections within their bounds. If the clock was set back, the
-- state notes it.
-- KEYS: also tombs, writers.
-- ARGV: microseconds between two rounds, or 0 to go on with one; how many tombs;
-- cursor of the writers.
-- It returns whether it is time, the next cursor, and whether there are more tombs.

local st = read()
if not st then return {} end

local every = tonumber(ARGV[1])
if every > 0 then
	local last = tonumber(redis.call('HGET', stateKey, 'maintained') or 0)
	if last > 0 and st.now - last < every then return {'0', '0', '0'} end
	redis.call('HSET', stateKey, 'maintained', text(st.now))
end

local day = 86400000000
local scan = redis.call('HSCAN', KEYS[5], ARGV[3], 'COUNT', 100)
for i = 1, #scan[2], 2 do
	if st.now - tonumber(string.match(scan[2][i + 1], '^%d+ (%d+) ')) > day then
		redis.call('HDEL', KEYS[5], scan[2][i])
	end
end

local most = tonumber(ARGV[2])
local tombs = redis.call('ZCARD', KEYS[4])
if tombs > most then
	local popped = redis.call('ZPOPMIN', KEYS[4], math.min(tombs - most, 500))
	for i = 1, #popped, 2 do
		local c = {name = popped[i]}
		load(st, c, redis.call('HGET', channelsKey, c.name))
		if c.known and c.len == 0 then
			st.forgot = max(st.forgot, c.newest)
			redis.call('HDEL', channelsKey, c.name)
		end
	end
end
write(st)
return {'1', scan[1], tombs - most > 500 and '1' or '0'}
