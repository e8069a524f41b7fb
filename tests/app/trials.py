"""How much of a big set is tried: a few in the suite, as many as `TOLLGATE_TRIALS` says in the long run."""

import os
import random

COUNT = int(os.environ.get("TOLLGATE_TRIALS", "25"))


def some(things):
    """A sample, the same in each run; all of them if there are no more."""
    things = list(things)
    return things if len(things) <= COUNT else random.Random(7).sample(things, COUNT)
