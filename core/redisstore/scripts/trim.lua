-- Removes entries of channels that are not kept, a few of each.
-- KEYS: also tombs; then the index, IDs and subjects of each channel.
-- ARGV: number of channels, the channels.
-- It returns the bytes that are kept, and whether there is more to remove.

local st = read()
if not st then return {} end

local total, more = 0, '0'
for _, c in ipairs(channels(st, 2, tonumber(ARGV[1]), 5, {'index', 'ids', 'subjects'})) do
	local was = c.len
	if c.known and c.len > 0 then
		if drop(st, c, 16) then
			more = '1'
		end
		local _, _, _, bytes = extent(st, c)
		total = total + bytes
	end
	if c.known and c.len == 0 then
		if c.private then
			redis.call('HDEL', channelsKey, c.name)
		else
			c.gone = c.newest
			redis.call('HSET', channelsKey, c.name, pack(c))
			redis.call('ZADD', KEYS[4], c.newest, c.name)
		end
	elseif c.len < was then
		redis.call('HSET', channelsKey, c.name, pack(c))
	end
end
write(st)
return {text(total), more}
