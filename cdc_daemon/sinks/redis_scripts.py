"""Scripts that the Redis server executes: they compare revisions and write in one step.

A script compares and writes a whole batch in one round trip (WATCH needs two for each key). Revisions are
compared as decimal digits, because Lua's numbers are doubles, which are exact only up to 2^53.
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
-- ARGV: seconds that a tombstone lives; 1 for records of a full snapshot; the number of the last full
-- snapshot; the feed; then of each record its revision, document (nothing: deleted), hash and captured_at.
-- A record of a full snapshot is taken also in the same revision, and over whatever is there from before it.
-- Returns how many are older than what is there; position and error of each key that holds something else.
local refused, ignored = {}, 0
for i, key in ipairs(KEYS) do
  local at = 4 * i + 1
  local revision, document = ARGV[at], ARGV[at + 1]
  local answer = redis.pcall('HMGET', key, 'revision', 'snapshot')
  local known, snapshot = answer[1], answer[2] or '0'
  if answer.err then
    refused[#refused + 1] = {i, answer.err}
  elseif not known or older(known, revision)
      or (ARGV[2] == '1' and (known == revision or older(snapshot, ARGV[3]))) then
    if document == '' then
      -- The revision stays for a while: a state that comes late must not bring the document back.
      redis.call('DEL', key)
      redis.call('HSET', key, 'revision', revision, 'captured_at', ARGV[at + 3], 'deleted', '1',
        'snapshot', ARGV[3], 'feed', ARGV[4])
      redis.call('EXPIRE', key, ARGV[1])
    else
      -- First what needs memory: once a script has written, a server without memory refuses it nothing more.
      redis.call('HSET', key, 'document', document, 'revision', revision, 'hash', ARGV[at + 2],
        'captured_at', ARGV[at + 3], 'snapshot', ARGV[3], 'feed', ARGV[4])
      redis.call('HDEL', key, 'deleted')
      redis.call('PERSIST', key)
    end
  elseif known ~= revision then
    ignored = ignored + 1
  end
end
return {ignored, refused}
"""
)

SWEEP = (
    _OLDER
    + """
-- KEYS: hashes that may be documents of a feed.
-- ARGV: seconds that a tombstone lives; the number of the full snapshot; the feed; 1 where a hash without a
-- feed, as an earlier version wrote it, is the feed's.
-- Returns how many documents were removed because the snapshot did not name them.
local removed = 0
for _, key in ipairs(KEYS) do
  local found = redis.pcall('HMGET', key, 'feed', 'snapshot', 'revision', 'document', 'captured_at')
  if not found.err and found[3] and found[4] and found[5] and older(found[2] or '0', ARGV[2])
      and (found[1] == ARGV[3] or (not found[1] and ARGV[4] == '1')) then
    redis.call('DEL', key)
    redis.call('HSET', key, 'revision', found[3], 'captured_at', found[5], 'deleted', '1',
      'snapshot', ARGV[2], 'feed', ARGV[3])
    redis.call('EXPIRE', key, ARGV[1])
    removed = removed + 1
  end
end
return removed
"""
)

APPEND_RECORDS = (
    _OLDER
    + """
-- KEYS: the stream; a hash with the revision of each document that was appended; a sorted set of those that
-- were deleted, by the time of that.
-- ARGV: seconds that a tombstone lives; 1 for records of a full snapshot; the number of the last full
-- snapshot; about how many entries the stream may have (0: any number); then of each record its key,
-- revision, op and content.
-- What is known of a document is its revision and the snapshot, with a blank between them.
-- Returns how many records are older than what is known.
local now, ignored = tonumber(redis.call('TIME')[1]), 0
for at = 5, #ARGV, 4 do
  local key, revision, op = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local known, snapshot = string.match(redis.call('HGET', KEYS[2], key) or '', '^(%d+) ?(%d*)$')
  if not known or older(known, revision)
      or (ARGV[2] == '1' and (known == revision or older(snapshot, ARGV[3]))) then
    local entry = {'key', key, 'revision', revision, 'op', op, 'record', ARGV[at + 3]}
    if ARGV[4] == '0' then
      redis.call('XADD', KEYS[1], '*', unpack(entry))
    else
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', unpack(entry))
    end
    redis.call('HSET', KEYS[2], key, revision .. ' ' .. ARGV[3])
    if op == 'delete' then
      redis.call('ZADD', KEYS[3], now, key)
    else
      redis.call('ZREM', KEYS[3], key)
    end
  elseif known ~= revision then
    ignored = ignored + 1
  end
end
-- A few at a time: a million tombstones of one day must not hold the server up.
local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[1], 'LIMIT', 0, 1000)
for _, key in ipairs(old) do
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
end
return ignored
"""
)
