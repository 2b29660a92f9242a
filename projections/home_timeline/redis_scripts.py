"""The scripts by which home timelines are written: each runs on one shard, at once and alone.

Every script takes the shard's tag and the generation first (ARGV[1], ARGV[2]) and names its keys with them; KEYS[1] is
one of the shard's keys, for routing. NOTE: Lua compares strings by the server's locale and has doubles for numbers,
so ids are compared as two halves of 32 bits.
"""

PRELUDE = r"""
local call, sub, byte, unpack_ = redis.call, string.sub, string.byte, struct.unpack
local TAG, GENERATION = ARGV[1], ARGV[2]
local function key(kind) return TAG .. kind .. GENERATION end
local HOME, AUDIENCE, FOLLOWS, FOLLOWERS = key('home'), key('audience'), key('follows'), key('followers')
local OUTBOX, UNFILLED = key('outbox'), key('unfilled')
local APPLIED, HORIZONS, SEEN, UNFILLING = key('applied'), key('horizons'), key('seen'), key('unfilling')
local CELEBRITIES, RETRACTED = key('celebrities'), key('retracted')
local NONE = string.rep('\0', 8)
local HIGHEST = string.rep('\255', 17)
local PUSH, RETRACT, FOLLOW, UNFOLLOW = byte('p'), byte('r'), byte('f'), byte('u')

local function before(a, b)
  local a1, a2 = unpack_('>I4I4', a)
  local b1, b2 = unpack_('>I4I4', b)
  return a1 < b1 or (a1 == b1 and a2 < b2)
end

-- where an id stands in a packed set, or would, and whether it is there
local function place(set, id)
  local low, high = 0, call('STRLEN', set) / 8
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found = call('GETRANGE', set, middle * 8, middle * 8 + 7)
    if found == id then return middle, true end
    if before(found, id) then low = middle + 1 else high = middle end
  end
  return low, false
end

local function has(set, id)
  local _, there = place(set, id)
  return there
end

local function add(set, id)
  local at, there = place(set, id)
  if there then return false end
  call('SETRANGE', set, at * 8, id .. call('GETRANGE', set, at * 8, -1))
  return true
end

local function discard(set, id)
  local at, there = place(set, id)
  if not there then return false end
  local all = call('GET', set)
  if #all == 8 then
    call('DEL', set)
  else
    call('SET', set, sub(all, 1, at * 8) .. sub(all, at * 8 + 9))
  end
  return true
end

local function append(list, entries)
  for first = 1, #entries, 1000 do
    call('RPUSH', list, unpack(entries, first, math.min(first + 999, #entries)))
  end
end

local function raise_horizon(reader, id)
  local horizon = call('HGET', HORIZONS, reader)
  if not horizon or before(horizon, id) then call('HSET', HORIZONS, reader, id) end
end
"""

# What is kept with authors: outboxes and followers. State only: a repeat in the same order ends the same.
# ARGV: field, start, end (8 bytes each), whether these are the last of the span, celebrity_followers, records
# Returns -1: a gap; 0; 1: somebody has become a celebrity
AUTHORS = (
    PRELUDE
    + r"""
local field, start, end_, last, threshold, blob = ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
local applied = call('HGET', APPLIED, field) or NONE
if before(applied, start) then return -1 end
if not before(applied, end_) then return 0 end
local famous = 0
for at = 1, #blob, 25 do
  local kind, first, second = byte(blob, at), sub(blob, at + 1, at + 8), sub(blob, at + 9, at + 16)
  if kind == PUSH then
    local last = sub(blob, at + 17, at + 24) == NONE and at + 16 or at + 24
    call('ZADD', OUTBOX .. second, '0', sub(blob, at + 1, last))
  elseif kind == RETRACT then
    call('ZREMRANGEBYLEX', OUTBOX .. second, '[' .. first, '[' .. first .. HIGHEST)
  elseif kind == FOLLOW then
    local followers = FOLLOWERS .. second
    if not has(CELEBRITIES, second) and add(followers, first) and call('STRLEN', followers) / 8 >= threshold then
      add(CELEBRITIES, second)
      call('DEL', followers, AUDIENCE .. second)
      famous = 1
    end
  else
    discard(FOLLOWERS .. second, first)
  end
end
if last == '1' then call('HSET', APPLIED, field, end_) end
return famous
"""
)

# ARGV: celebrities of other shards. They are no longer pushed.
FAME = (
    PRELUDE
    + r"""
for at = 1, #ARGV[3], 8 do
  local author = sub(ARGV[3], at, at + 7)
  if add(CELEBRITIES, author) then call('DEL', AUDIENCE .. author, FOLLOWERS .. author) end
end
return 0
"""
)

# What is kept with readers, fenced: compared and moved in here.
# ARGV: field, the fence as the caller knows it, start, end, records of the span before these, records of the span,
#       cap, slack, most work, records
# Returns {-1, fence} where the fence is another; else {records done, fence}; stops after so much work
DELIVER = (
    PRELUDE
    + r"""
local field, expected, start, end_ = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local done, of_span, cap, slack, most = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]),
  tonumber(ARGV[11])
local blob = ARGV[12]
local stored = call('HGET', APPLIED, field) or string.rep('\0', 37)
if stored ~= expected then return {-1, stored} end
local mark, cursor = sub(stored, 13, 29), sub(stored, 30, 37)
local work, at, full = 0, 1, cap + slack

local function trim(reader, length)
  local oldest = call('LPOP', HOME .. reader, length - cap)
  local highest, high, low = nil, -1, 0
  for i = 1, #oldest do
    local h, l = unpack_('>I4I4', oldest[i])
    if h > high or (h == high and l > low) then highest, high, low = oldest[i], h, l end
  end
  raise_horizon(reader, sub(highest, 1, 8))
end

-- the readers of an audience who are next, as many as there is room for; whole, where no cursor stands in it
local function some_of(audience, whole, weight)
  local room = math.max(1, math.floor((most - work) / weight)) * 8
  local readers = whole
  if cursor ~= NONE then
    local index, there = place(audience, cursor)
    if there then index = index + 1 end
    readers = call('GETRANGE', audience, index * 8, index * 8 + room)
  end
  if #readers > room then
    readers = sub(readers, 1, room)
    cursor = sub(readers, -8)
  else
    cursor = NONE
  end
  work = work + #readers / 8 * weight + 0.25
  return readers
end

-- the audiences of the pushes from here on, fetched together: most are small, and a call costs more than they do
local ahead, audiences, from, upto = 8, {}, 1, 0

local function fetch()
  local keys, bytes = {}, 0
  for here = at, math.min(at + 25 * (ahead - 1), #blob - 24), 25 do
    if byte(blob, here) ~= PUSH then break end
    keys[#keys + 1] = AUDIENCE .. sub(blob, here + 9, here + 16)
  end
  audiences, from, upto = call('MGET', unpack(keys)), at, at + 25 * #keys
  for i = 1, #keys do bytes = bytes + #(audiences[i] or '') end
  ahead = math.max(1, math.min(64, math.floor(most * 8 * #keys / (bytes + 1))))
end

local function push()
  if at >= upto then fetch() end
  local readers = audiences[(at - from) / 25 + 1]
  if not readers then
    work, cursor = work + 0.25, NONE
    return
  end
  local last = sub(blob, at + 17, at + 24) == NONE and at + 16 or at + 24
  local entry = sub(blob, at + 1, last)
  if cursor ~= NONE or #readers > 8 * (most - work) then
    readers = some_of(AUDIENCE .. sub(blob, at + 9, at + 16), readers, 1)
  else
    work = work + #readers / 8 + 0.25
  end
  for i = 1, #readers, 8 do
    local reader = sub(readers, i, i + 7)
    local length = call('RPUSH', HOME .. reader, entry)
    if length > full then trim(reader, length) end
  end
end

local function remove(reader, matches)
  local list = HOME .. reader
  local entries = call('LRANGE', list, 0, -1)
  for i = 1, #entries do
    if matches(entries[i]) then call('LREM', list, 1, entries[i]) end
  end
end

local function retract(prefix, author)
  if call('EXISTS', UNFILLING) == 1 then call('SADD', RETRACTED, prefix) end
  local audience = AUDIENCE .. author
  local readers = some_of(audience, cursor == NONE and call('GET', audience) or '', 32)
  for i = 1, #readers, 8 do
    remove(sub(readers, i, i + 7), function(entry) return sub(entry, 1, 16) == prefix end)
  end
end

local function join(reader, author)
  work = work + 1
  if has(CELEBRITIES, author) then return end
  add(AUDIENCE .. author, reader)
  add(UNFILLED .. reader, author)
  call('SADD', UNFILLING, reader)
end

local function open(reader, seen)
  local high, low = unpack_('>I4I4', seen)
  local ms, known = high * 4294967296 + low, call('ZSCORE', SEEN, reader)
  work = work + 1
  if known and tonumber(known) >= ms then return end
  call('ZADD', SEEN, ms, reader)
  if known then return end
  call('HSET', HORIZONS, reader, NONE)
  call('DEL', HOME .. reader)
  local follows = call('GET', FOLLOWS .. reader) or ''
  for i = 1, #follows, 8 do join(reader, sub(follows, i, i + 7)) end
  join(reader, reader)
end

local function other(kind, first, second)
  if kind == RETRACT then
    retract(first .. second, second)
  elseif kind == FOLLOW then
    work = work + 1
    if add(FOLLOWS .. first, second) and call('ZSCORE', SEEN, first) then join(first, second) end
  elseif kind == UNFOLLOW then
    work = work + 10
    if discard(FOLLOWS .. first, second) then
      discard(AUDIENCE .. second, first)
      discard(UNFILLED .. first, second)
      remove(first, function(entry) return sub(entry, 9, 16) == second end)
    end
  else
    open(first, second)
  end
end

while at <= #blob and work < most do
  local kind = byte(blob, at)
  if kind == PUSH then
    push()
  else
    other(kind, sub(blob, at + 1, at + 8), sub(blob, at + 9, at + 16))
  end
  if cursor == NONE then at, done = at + 25, done + 1 end
end
if at > 1 then mark = sub(blob, at - 25, at - 9) end
local processed = (at - 1) / 25
if done >= of_span then
  stored = end_ .. struct.pack('>I4', done - of_span) .. mark .. cursor
else
  stored = start .. struct.pack('>I4', done) .. mark .. cursor
end
call('HSET', APPLIED, field, stored)
return {processed, stored}
"""
)
