-- Returns the epochs, the head, the newest position that was removed, and entries
-- from a position on, that one included.
-- ARGV: the position, how many entries, and how many bytes after that position.

local st = read()
if not st then return {} end

local answer = {redis.call('HGET', stateKey, 'epochs'), st.head, st.cut}
local from, left, bytes = ARGV[1] .. '-0', tonumber(ARGV[2]), tonumber(ARGV[3])
local only = redis.call('XRANGE', streamKey, from, from)
local rest = '(' .. from
while true do
	for _, e in ipairs(only) do
		answer[#answer + 1], answer[#answer + 2] = e[1], e[2]
		rest = '(' .. e[1]
	end
	if left <= 0 or bytes <= 0 then return answer end
	only = redis.call('XRANGE', streamKey, rest, '+', 'COUNT', math.min(left, 16))
	if #only == 0 then return answer end
	left = left - #only
	for _, e in ipairs(only) do bytes = bytes - #e[2][12] end
end
