-- Begins an epoch if the storage may have lost events: if it is not there at all,
-- if its server has been started since, or replaced by a replica, or if a node
-- says so. Positions that may have been given before are not given again: see
-- history.EpochStart.
-- ARGV: the ID of the epoch, the newest position that the node was delivered; and,
-- if it was delivered what is lost, the newest epoch that it found, and the newest
-- position in it that is not lost, or nothing for all.

local id, head, found, base = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local st = read(true)
local now = mark()
if #now < 40 then
	return redis.error_reply('ERR INFO tells neither run_id nor master_replid')
end

local function start(after)
	local time = redis.call('TIME')
	return max(add(after, 4294967296), text(time[1] * 4194304 + math.floor(time[2] * 4.194304)))
end

local function epoch(from, to)
	local all = redis.call('HGET', stateKey, 'epochs') or ''
	all = all .. id .. ' ' .. from .. ' ' .. to .. ';'
	while select(2, string.gsub(all, ';', '')) > 64 do
		all = string.gsub(all, '^[^;]*;', '', 1)
	end
	redis.call('HSET', stateKey, 'epochs', all, 'epoch', id, 'mark', now, 'head', to)
end

if not st then
	redis.call('HDEL', stateKey, 'epochs')
	epoch('0', head == '0' and '0' or start(head))
elseif redis.call('HGET', stateKey, 'mark') ~= now then
	epoch(st.head, start(max(st.head, head)))
elseif found ~= '' and found == st.epoch then
	epoch(base == '' and st.head or base, start(max(st.head, head)))
end
return redis.call('HGET', stateKey, 'epochs')
