-- Returns the epochs, the head, the newest position that was removed, and entries
-- from a position on, that one included.
-- ARGV: the position; how many entries after it, and how many bytes.

local st = read()
if not st then return {} end

local answer = {redis.call('HGET', stateKey, 'epochs'), st.head, st.cut}
local from, left, bytes = ARGV[1] .. '-0', tonumber(ARGV[2]), tonumber(ARGV[3])
for _, e in ipairs(redis.call('XRANGE', streamKey, from, from)) do give(answer, e) end
from = '(' .. from
while left > 0 and bytes > 0 do
	local some = redis.call('XRANGE', streamKey, from, '+', 'COUNT', math.min(left, 16))
	if #some == 0 then break end
	for _, e in ipairs(some) do
		bytes, left, from = bytes - give(answer, e), left - 1, '(' .. e[1]
	end
end
return answer
