"""How floods are slowed down: an answer may say that it can wait, and both servers know how to keep it without keeping a thread.

All that wait take turns, so a flood is this slow on however many connections it comes. Other servers answer at once.
"""

PLACE = "tollgate.rests"  # in the environ of a request whose answer may wait
GAP = 0.05  # seconds before each of them, in each process
MOST = 256  # that wait at once; more are given at once
