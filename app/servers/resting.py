"""How floods are slowed down: an answer may say that it can wait, and both servers know how to keep it without keeping a thread.

All that wait take turns, so a flood on up to MOST connections is this slow, and what comes on more goes on at full speed.
Other servers answer at once.
"""

MAY_WAIT = "tollgate.may_wait"  # in the environ of a request whose answer may
GAP = 0.05  # seconds before each of them, in each process
MOST = 256  # that wait at once; more are given at once
