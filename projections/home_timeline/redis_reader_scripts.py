"""The scripts that open and close a reader's timeline; as those of redis_scripts, each runs on one shard, alone."""

from __future__ import annotations

from projections.home_timeline.redis_scripts import PRELUDE

# Takes what outboxes hold into a timeline. ARGV: reader, authors, horizon (8 bytes), cap, then entries.
# Only what is still to be taken in counts: a follow may have ended, a reader lapsed, a tweet been retracted since the
# outboxes were read.
FILL = (
    PRELUDE
    + r"""
local reader, authors, horizon, cap = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local wanted = {}
local unfilled = call('GET', UNFILLED .. reader) or ''
for at = 1, #unfilled, 8 do wanted[sub(unfilled, at, at + 7)] = true end
if call('ZSCORE', SEEN, reader) then
  local sorted = key('sorting') .. reader
  local function put(entry) call('ZADD', sorted, 0, entry) end
  local entries = call('LRANGE', HOME .. reader, 0, -1)
  for i = 1, #entries do put(entries[i]) end
  local any = call('EXISTS', RETRACTED) == 1
  for i = 7, #ARGV do
    local stands = not any or call('SISMEMBER', RETRACTED, sub(ARGV[i], 1, 16)) == 0
    if stands and wanted[sub(ARGV[i], 9, 16)] then put(ARGV[i]) end
  end
  raise_horizon(reader, horizon)
  call('ZREMRANGEBYLEX', sorted, '-', '[' .. call('HGET', HORIZONS, reader) .. HIGHEST)
  local too_many = call('ZCARD', sorted) - cap
  if too_many > 0 then
    raise_horizon(reader, sub(call('ZRANGE', sorted, too_many - 1, too_many - 1)[1], 1, 8))
    call('ZREMRANGEBYRANK', sorted, 0, too_many - 1)
  end
  entries = call('ZRANGE', sorted, 0, -1)
  call('DEL', HOME .. reader, sorted)
  append(HOME .. reader, entries)
end
for at = 1, #authors, 8 do discard(UNFILLED .. reader, sub(authors, at, at + 7)) end
if call('EXISTS', UNFILLED .. reader) == 0 then call('SREM', UNFILLING, reader) end
if call('EXISTS', UNFILLING) == 0 then call('DEL', RETRACTED) end
return 0
"""
)

# Ends pushing to readers last seen before ARGV[3], a few at a time; returns how many.
CLOSE = (
    PRELUDE
    + r"""
local readers = call('ZRANGEBYSCORE', SEEN, '-inf', '(' .. ARGV[3], 'LIMIT', 0, 4)
for i = 1, #readers do
  local reader = readers[i]
  local follows = (call('GET', FOLLOWS .. reader) or '') .. reader
  for at = 1, #follows, 8 do discard(AUDIENCE .. sub(follows, at, at + 7), reader) end
  call('DEL', HOME .. reader, UNFILLED .. reader)
  call('SREM', UNFILLING, reader)
  call('HDEL', HORIZONS, reader)
  call('ZREM', SEEN, reader)
end
return #readers
"""
)
