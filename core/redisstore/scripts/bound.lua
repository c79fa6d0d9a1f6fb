-- Has no entry kept up to a position, but the newest.
-- ARGV: the epoch, the position.

local st = read()
if not st or st.epoch ~= ARGV[1] or not less(ARGV[2], st.head) then return {} end
st.floor = max(st.floor, ARGV[2])
write(st)
return {st.epoch}
