"""What the redis sink has the server do in one step: compare revisions and write.

A script is the only way to compare and write at once that costs one round trip for a whole batch (WATCH costs
two a key). Revisions are compared as decimal digits: numbers of Lua are doubles and end at 2^53, they don't.
"""

from __future__ import annotations

_OLDER = """
local function older(a, b)
  return #a < #b or (#a == #b and a < b)
end
"""

KEEP_DOCUMENTS = (
    _OLDER
    + """
-- KEYS: a hash for each record.
-- ARGV: seconds that a tombstone lives; 1 to take the same revision again; then of each record its revision,
-- document (nothing: deleted), hash and captured_at.
-- Returns position and error of each key that holds something else.
local refused = {}
for i, key in ipairs(KEYS) do
  local at = 4 * i - 1
  local revision, document = ARGV[at], ARGV[at + 1]
  local known = redis.pcall('HGET', key, 'revision')
  if type(known) == 'table' then
    refused[#refused + 1] = {i, known.err}
  elseif not known or older(known, revision) or (known == revision and ARGV[2] == '1') then
    if document == '' then
      -- The revision stays for a while: a state that comes late must not bring the document back.
      redis.call('DEL', key)
      redis.call('HSET', key, 'revision', revision, 'captured_at', ARGV[at + 3], 'deleted', '1')
      redis.call('EXPIRE', key, ARGV[1])
    else
      redis.call('HDEL', key, 'deleted')
      redis.call('HSET', key, 'document', document, 'revision', revision, 'hash', ARGV[at + 2],
        'captured_at', ARGV[at + 3])
      redis.call('PERSIST', key)
    end
  end
end
return refused
"""
)

APPEND_RECORDS = (
    _OLDER
    + """
-- KEYS: the stream; a hash with the revision of each document that was appended; a sorted set of those that
-- were deleted, by the time of that.
-- ARGV: seconds that a tombstone lives; 1 to take the same revision again; about how many entries the stream
-- may have (0: any number); then of each record its key, revision, op and content.
local now = tonumber(redis.call('TIME')[1])
for at = 4, #ARGV, 4 do
  local key, revision, op = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local known = redis.call('HGET', KEYS[2], key)
  if not known or older(known, revision) or (known == revision and ARGV[2] == '1') then
    local entry = {'key', key, 'revision', revision, 'op', op, 'record', ARGV[at + 3]}
    if ARGV[3] == '0' then
      redis.call('XADD', KEYS[1], '*', unpack(entry))
    else
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', unpack(entry))
    end
    redis.call('HSET', KEYS[2], key, revision)
    if op == 'delete' then
      redis.call('ZADD', KEYS[3], now, key)
    else
      redis.call('ZREM', KEYS[3], key)
    end
  end
end
-- A few at a time: a million tombstones of one day must not hold the server up.
local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[1], 'LIMIT', 0, 1000)
for _, key in ipairs(old) do
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
end
return {}
"""
)
