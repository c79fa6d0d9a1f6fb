-- Returns the epoch and the head, and for the entries after a position, the
-- position, the channel and the bytes.
-- ARGV: the position, how many entries.

local st = read()
if not st then return {} end

local answer, from, left = {st.epoch, st.head}, '(' .. ARGV[1] .. '-0', tonumber(ARGV[2])
while left > 0 do
	local some = redis.call('XRANGE', streamKey, from, '+', 'COUNT', math.min(left, 16))
	if #some == 0 then return answer end
	for _, e in ipairs(some) do
		answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = string.match(e[1], '^%d+'), e[2][2], string.match(e[2][4], '^%d+ %d+ (%d+)')
		from = '(' .. e[1]
	end
	left = left - #some
end
return answer
