"""How granian is started."""

import os
import subprocess
import sys

import pytest

SCHEDULED = """
import os, sys
from app.servers.granian_server import let_work_pile_up
os.sched_setscheduler(0, int(sys.argv[1]), os.sched_param(0))
let_work_pile_up()
print(os.sched_getscheduler(0))
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="not to be had: Linux' scheduler")
@pytest.mark.parametrize(("given", "runs_as"), [("SCHED_OTHER", "SCHED_BATCH"), ("SCHED_IDLE", "SCHED_IDLE")])
def test_it_runs_in_the_class_for_batches_unless_an_operator_chose_another(given, runs_as):
    command = [sys.executable, "-c", SCHEDULED, str(getattr(os, given))]
    said = subprocess.run(command, capture_output=True, text=True, check=True)

    assert int(said.stdout) == getattr(os, runs_as)
