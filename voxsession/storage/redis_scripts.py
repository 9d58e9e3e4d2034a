"""The Lua scripts of the Redis storage: each is one atomic step of one session.

A record has four keys, which every script gets first: a hash (`doc`, `head`, `last`, `seq`, `batch`), the list
of its batches, the hash of its pages, the hash of their times. `head` is the clear header of the document, `last`
that of the newest batch; listings read these two and no body.
"""

from __future__ import annotations

import hashlib

__all__ = [
    "ADOPT",
    "APPEND",
    "DELETE",
    "DELETE_PAGES",
    "HEADS",
    "INDEX",
    "LOAD",
    "PAGES",
    "RANGE",
    "SAVE",
    "SAVE_PAGE",
    "SETTLE",
]


class Script:
    """A script with the name that servers know it by."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# Versions are compared as text: a Lua number is a double, and a version may be larger than one holds exactly.
_FOUND = """
local found = redis.call('HMGET', KEYS[1], 'seq', 'batch')
local base, seq, batch, ttl, line, header = unpack(ARGV, 1, 6)
if not found[1] and redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
if found[1] and batch ~= '' and found[2] == batch then return 1 end
"""

# The record's own key goes first, so that no record is ever seen without its batches. Where no expiry is named,
# one that was named before is taken back. The index entries follow the six fixed arguments.
_FINISHED = """
for i = 1, 4 do
  if ttl ~= '' then redis.call('PEXPIRE', KEYS[i], ttl)
  elseif had_ttl then redis.call('PERSIST', KEYS[i]) end
end
for i = 5, #KEYS do redis.call('ZADD', KEYS[i], ARGV[2 * i - 3], ARGV[2 * i - 2]) end
return 1
"""

# What takes memory goes first: a full server refuses nothing more once a script has begun to write.
# Both answer 1 = done, or done before; 0 = there is none; -1 = no record; a text = the stored version.
SAVE = Script(
    _FOUND
    + """
if found[1] then
  if found[1] ~= base or base == '0' then return found[1] end
elseif base ~= '0' then return 0 end
local had_ttl = redis.call('PTTL', KEYS[1]) >= 0
redis.call('HSET', KEYS[1], 'doc', line, 'head', header, 'seq', seq, 'batch', batch)
redis.call('HDEL', KEYS[1], 'last')
redis.call('DEL', KEYS[2])
"""
    + _FINISHED
)
APPEND = Script(
    _FOUND
    + """
if not found[1] then return 0 end
if found[1] ~= base then return found[1] end
local had_ttl = redis.call('PTTL', KEYS[1]) >= 0
redis.call('RPUSH', KEYS[2], line)
redis.call('HSET', KEYS[1], 'last', header, 'seq', seq, 'batch', batch)
"""
    + _FINISHED
)

# Nothing, or the stored version, the document (only if it is asked for) and the batches.
LOAD = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local doc = ARGV[1] == '1' and redis.call('HGET', KEYS[1], 'doc')
return {redis.call('HGET', KEYS[1], 'seq'), doc, redis.call('LRANGE', KEYS[2], 0, -1)}
""")

# The stored version where another is expected (0 = none), else whether there was a record, with its two headers.
# What is no record can be deleted as well.
DELETE = Script("""
local found = redis.pcall('HMGET', KEYS[1], 'seq', 'head', 'last')
if found.err then found = {} end
if ARGV[1] ~= '' and found[1] ~= ARGV[1] then return found[1] or 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return {redis.call('DEL', KEYS[1]), found[2] or '', found[3] or ''}
""")

SAVE_PAGE = Script("""
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
local ttl = redis.call('PTTL', KEYS[1])
if ttl >= 0 then
  redis.call('PEXPIRE', KEYS[3], ttl)
  redis.call('PEXPIRE', KEYS[4], ttl)
end
return 1
""")
PAGES = Script("return redis.call('HGETALL', KEYS[4])")
DELETE_PAGES = Script("""
local count = 0
for _, name in ipairs(ARGV) do
  count = count + redis.call('HDEL', KEYS[3], name)
  redis.call('HDEL', KEYS[4], name)
end
return count
""")

# The two headers of each record, nothing where there is no record, a number where what is there is none.
HEADS = Script("""
local heads = {}
for i, key in ipairs(KEYS) do
  local found = redis.pcall('HMGET', key, 'head', 'last')
  if found.err then heads[i] = 0
  elseif not found[1] then heads[i] = redis.call('EXISTS', key) == 1 and 0 or {}
  else heads[i] = {found[1], found[2] or ''} end
end
return heads
""")

# In a cluster an index lies elsewhere than the session: entries only move to later times here (scores fall), so
# that two of them that overtake each other end as they should. ZADD's own LT is unknown before Redis 6.2.
INDEX = Script("""
for i, key in ipairs(KEYS) do
  local score, member = ARGV[2 * i - 1], ARGV[2 * i]
  local now = redis.call('ZSCORE', key, member)
  if not now or tonumber(now) > tonumber(score) then redis.call('ZADD', key, score, member) end
end
return 1
""")
RANGE = Script(
    "return redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])"
)
# The entries (score, member) that were missing, by number. They are put in place if the server takes writes; one that
# is full, or only reads, still tells.
ADOPT = Script("""
local lacking = {}
for i, key in ipairs(KEYS) do
  if not redis.call('ZSCORE', key, ARGV[2 * i]) then
    lacking[#lacking + 1] = i - 1
    redis.pcall('ZADD', key, ARGV[2 * i - 1], ARGV[2 * i])
  end
end
return lacking
""")
# (member, score that was seen, true score or '' for none): what was written meanwhile is left alone.
SETTLE = Script("""
for i = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    if ARGV[i + 2] == '' then redis.call('ZREM', KEYS[1], ARGV[i])
    else redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i]) end
  end
end
return 1
""")
