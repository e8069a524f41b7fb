"""What runs inside Redis: in one step, on its clock."""

import hashlib


class Script:
    """A Lua script, and the name under which Redis keeps it once it has seen it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# One hash per entitlement: "v" is its published version, "60" what is used of the window of so many seconds, "60@" the start of the
# one it was used in. The start is compared, not left to expiry, so a count is exact even where the key outlives its window; expiry only
# tidies up, a minute late, because a key that goes too early would open a fresh window. A store whose clock went back over the turn
# of a window (set, or another node's after a failover) stays in the later one; where it went back further, that would lock out.
#
# Asked are the cost, the version that the asker knows (0: none), and of each window its length and limit. Where a newer version
# is published nothing is charged: what the asker knows of the key is old, and the request may be one to be refused.
#
# It answers: charged or not, the version, what is left of the quota's blocks, what is reserved, then of each window what remains
# and the seconds until it resets.
#
# Where there is a quota, a second hash for its period: what is left of the blocks that came from SQL, and how much SQL had
# reserved by then. The last four arguments are about it: granted, reserved (-1: not known), limit, seconds to keep it.
COUNT = Script("""
local key, blocks, cost, known, last = KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]), #ARGV
local left, reserved, enough = 0, -1, true
if blocks then
  last = last - 4
  local granted, told = tonumber(ARGV[last + 1]), tonumber(ARGV[last + 2])
  local held = redis.call('HMGET', blocks, 'left', 'reserved')
  left, reserved = tonumber(held[1]) or 0, tonumber(held[2]) or -1
  if granted > 0 or told > reserved then
    left, reserved = left + granted, math.max(reserved, told)
    redis.call('HSET', blocks, 'left', left, 'reserved', reserved)
    redis.call('EXPIRE', blocks, ARGV[last + 4])
  end
  enough = reserved >= 0 and left >= cost and reserved - left + cost <= tonumber(ARGV[last + 3])
end
local now = tonumber(redis.call('TIME')[1])
local fields = {'v'}
for i = 3, last, 2 do
  fields[#fields + 1] = ARGV[i]
  fields[#fields + 1] = ARGV[i] .. '@'
end
local held = redis.call('HMGET', key, unpack(fields))
local used, limits, starts, resets, room, lasts = {}, {}, {}, {}, true, 0
for i = 3, last, 2 do
  local n, window = #used + 1, tonumber(ARGV[i])
  local start, counted = now - now % window, tonumber(held[2 * n + 1])
  if counted and counted > start and counted <= start + window then start = counted end
  limits[n], starts[n], resets[n] = tonumber(ARGV[i + 1]), start, start + window - now
  used[n] = counted == start and tonumber(held[2 * n]) or 0
  room = room and used[n] + cost <= limits[n]
  lasts = math.max(lasts, resets[n])
end
local version = tonumber(held[1]) or 0
local charged = cost > 0 and room and enough and (known == 0 or version <= known)
if charged and blocks then left = redis.call('HINCRBY', blocks, 'left', -cost) end
if charged and #used > 0 then
  local writes = {}
  for n = 1, #used do
    used[n] = used[n] + cost
    writes[4 * n - 3], writes[4 * n - 2] = fields[2 * n], used[n]
    writes[4 * n - 1], writes[4 * n] = fields[2 * n + 1], starts[n]
  end
  redis.call('HSET', key, unpack(writes))
  if redis.call('TTL', key) <= lasts then redis.call('EXPIRE', key, lasts + 60) end
end
local answer = {charged and 1 or 0, version, left, reserved}
for n = 1, #used do
  answer[2 * n + 3], answer[2 * n + 4] = math.max(0, limits[n] - used[n]), resets[n]
end
return answer
""")

PUBLISH = Script("""
if tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[1], 'v') or 0) then redis.call('HSET', KEYS[1], 'v', ARGV[1]) end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
""")
