-- Forgets channels. Nobody comes back to a private channel: nothing is remembered
-- of it. It returns the names of private channels of which something is left.
-- KEYS: then the index, IDs, subjects and once keys of each channel.
-- ARGV: number of channels, the channels.

local st = read()
if not st then return {} end

local answer, left = {st.epoch}, 1000 -- entries that are removed in one call
for _, c in ipairs(channels(st, 2, tonumber(ARGV[1]), 4, {'index', 'ids', 'subjects', 'once'})) do
	redis.call('UNLINK', c.ids, c.subjects, c.once)
	while c.private and c.len > 0 and left > 0 do
		local ids = {}
		for i, element in ipairs(redis.call('LPOP', c.index, math.min(left, 100))) do
			local e = entry(element)
			ids[i] = e.seq .. '-0'
			st.bytes = st.bytes - e.size
		end
		redis.call('XDEL', streamKey, unpack(ids))
		c.len, left = c.len - #ids, left - #ids
	end
	c.gone = c.newest
	if c.private and c.len == 0 then
		redis.call('HDEL', channelsKey, c.name)
	elseif c.known then
		redis.call('HSET', channelsKey, c.name, pack(c))
		if c.private then
			answer[#answer + 1] = c.name
		end
	end
end
write(st)
return answer
