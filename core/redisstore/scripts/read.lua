-- Tells what is kept of channels, and returns entries of them in their order.
-- KEYS: then the index and subjects of each channel.
-- ARGV: the position after which the entries begin, how many, how many bytes,
-- whether they are a snapshot; number of channels; the channels.
-- It returns the epoch, the head, whether there are more entries, how many
-- channels; for each the oldest, newest and gone position; and the entries.

local after, left, bytes, snapshot = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local st = read()
if not st then return {} end

local all = channels(st, 6, tonumber(ARGV[5]), 4, {'index', 'subjects'})
local answer = {st.epoch, st.head, '0', text(#all)}
for _, c in ipairs(all) do
	local oldest, newest, gone, _, rank = extent(st, c)
	answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = oldest, newest, gone
	c.rank, c.ahead = rank, {}
	if left > 0 and rank < c.len and not less(after, oldest) then
		c.rank = search(c, rank, c.len, function(_, e) return less(after, e.seq) end)
	end
end

-- fill reads more positions of a channel.
local function fill(c)
	c.ahead, c.sizes, c.next = {}, {}, 1
	if c.rank >= c.len then return end
	local elements = {}
	if snapshot then
		local base = c.n - c.len + 1 -- the score of the first in the index
		for _, score in ipairs(redis.call('ZRANGE', c.subjects, text(base + c.rank), '+inf', 'BYSCORE', 'LIMIT', 0, 16, 'WITHSCORES')) do
			elements[#elements + 1] = score
		end
		local last = c.len
		for i = 2, #elements, 2 do
			last = tonumber(elements[i]) - base
			local e = at(c, last)
			c.ahead[#c.ahead + 1], c.sizes[#c.sizes + 1] = e.seq, e.size
		end
		c.rank = #elements > 0 and last + 1 or c.len
	else
		elements = redis.call('LRANGE', c.index, c.rank, c.rank + 15)
		for i, element in ipairs(elements) do
			c.ahead[i], c.sizes[i] = string.match(element, '^(%d+) %d+ (%d+)')
		end
		c.rank = c.rank + #elements
	end
end

-- lowest returns the channel with the lowest position ahead, or nil.
local function lowest()
	local low
	for _, c in ipairs(all) do
		local seq = c.ahead[c.next]
		if seq and (not low or less(seq, low.ahead[low.next])) then
			low = c
		end
	end
	return low
end

local chosen = {}
if left > 0 then
	for _, c in ipairs(all) do fill(c) end
end
while left > 0 and bytes > 0 do
	local c = lowest()
	if not c then break end
	chosen[#chosen + 1] = c.ahead[c.next]
	bytes, left, c.next = bytes - tonumber(c.sizes[c.next]), left - 1, c.next + 1
	if not c.ahead[c.next] then
		fill(c)
	end
end
if #chosen > 0 and lowest() then
	answer[3] = '1'
end

-- Positions that follow each other are read together.
local from = 1
while from <= #chosen do
	local to = from
	while to < #chosen and to < from + 31 and chosen[to + 1] == add(chosen[to], 1) do to = to + 1 end
	for _, e in ipairs(redis.call('XRANGE', streamKey, chosen[from] .. '-0', chosen[to] .. '-0')) do give(answer, e) end
	from = to + 1
end
return answer
