-- Returns the epoch and the head; for each channel, the oldest, newest and gone
-- position, and that of the newest entry with an ID of the app's own, or 0.
-- KEYS: then the index and the IDs of each channel.
-- ARGV: the ID, number of channels, the channels.

local st = read()
if not st then return {} end

local answer = {st.epoch, st.head}
for _, c in ipairs(channels(st, 3, tonumber(ARGV[2]), 4, {'index', 'ids'})) do
	local oldest, newest, gone = extent(st, c)
	answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = oldest, newest, gone
	answer[#answer + 1] = redis.call('HGET', c.ids, ARGV[1]) or '0'
end
return answer
