-- Returns the epoch and the positions of the newest entries of channels, newest
-- first.
-- KEYS: then the index of each channel.
-- ARGV: the position before which they are, or 0; how many; number of channels; the
-- channels.

local before, left = ARGV[1], tonumber(ARGV[2])
local st = read()
if not st then return {} end

local all = channels(st, 4, tonumber(ARGV[3]), 4, {'index'})
for _, c in ipairs(all) do
	local _, _, _, _, rank = extent(st, c)
	c.low, c.ahead, c.next, c.high = rank, {}, 1, c.len
	if before ~= '0' then
		c.high = search(c, rank, c.len, function(_, e) return not less(e.seq, before) end)
	end
end

local function fill(c)
	c.ahead, c.next = {}, 1
	if c.high <= c.low then return end
	local low = math.max(c.low, c.high - 16)
	local elements = redis.call('LRANGE', c.index, low, c.high - 1)
	for i = #elements, 1, -1 do c.ahead[#c.ahead + 1] = string.match(elements[i], '^%d+') end
	c.high = low
end

for _, c in ipairs(all) do fill(c) end
local answer = {st.epoch}
while left > 0 do
	local top
	for _, c in ipairs(all) do
		local seq = c.ahead[c.next]
		if seq and (not top or less(top.ahead[top.next], seq)) then
			top = c
		end
	end
	if not top then return answer end
	answer[#answer + 1] = top.ahead[top.next]
	left, top.next = left - 1, top.next + 1
	if not top.ahead[top.next] then
		fill(top)
	end
end
return answer
