-- Removes once keys that are too old or too many, oldest first.
-- KEYS: also once; then the once keys of each channel.
-- ARGV: once window, weight of all keys, how many to remove at most, the names of
-- the channels.
-- It returns how many were removed.

local st = read()
if not st then return {} end

local window, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local keys = {}
for i = 4, #ARGV do keys[ARGV[i]] = KEYS[i + 1] end
local n = 0
while n < tonumber(ARGV[3]) do
	local element = redis.call('LINDEX', KEYS[4], 0)
	if not element then
		st.once = 0
		break
	end
	local time, weight, seq, length, rest = string.match(element, '^(%d+) (%d+) (%d+) (%d+) (.*)$')
	if st.now - tonumber(time) < window and st.once <= most then break end
	local name, key = string.sub(rest, 1, tonumber(length)), string.sub(rest, tonumber(length) + 1)
	if not keys[name] then break end
	local found = redis.call('HGET', keys[name], key)
	if found and string.match(found, '^%d+') == seq then
		redis.call('HDEL', keys[name], key)
	end
	redis.call('LPOP', KEYS[4])
	st.once = st.once - tonumber(weight)
	n = n + 1
end
write(st)
return {text(n)}
