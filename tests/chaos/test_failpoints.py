"""Failpoints: each stands in one place, is written down, and works only where no real money moves."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import failpoints
from app.config import Settings, SettingsError

ROOT = Path(__file__).parents[2]
TEST = {
    "public_url": "http://127.0.0.1:8000",
    "secret_key": "k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
    "key_peppers": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
    "stripe_secret_key": "sk_test_4eC39HqLyjWDarjtT1zd",
    "stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr",
}
LIVE = TEST | {"public_url": "https://shop.example", "stripe_secret_key": "sk_live_4eC39HqLyjWDarjtT1zd"}
DIES = f"""
from app import failpoints
from app.config import Settings
failpoints.arm(Settings(_env_file=None, **{TEST!r}), {{"FAILPOINT": %r}})
for number in range(3):
    print(number, flush=True)
    failpoints.reach("after_lock")
"""


@pytest.fixture
def disarmed():
    yield
    failpoints.arm(Settings(_env_file=None, **TEST), {})


def settings(given):
    return Settings(_env_file=None, **given)


def run(text):
    return subprocess.run([sys.executable, "-c", DIES % text], check=False, capture_output=True, cwd=ROOT, timeout=60)


@pytest.mark.parametrize("name", failpoints.POINTS)
def test_a_failpoint_is_reached_in_one_place(name):
    code = [path.read_text() for path in (ROOT / "app").rglob("*.py")]
    assert sum(text.count(f'failpoints.reach("{name}")') for text in code) == 1


@pytest.mark.parametrize(("name", "meaning"), failpoints.POINTS.items())
def test_a_failpoint_is_documented(name, meaning):
    assert f"| `{name}` | {meaning} |" in (ROOT / "docs/reliability.md").read_text()


def test_no_place_has_a_name_nobody_knows():
    code = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    assert set(re.findall(r'failpoints\.reach\("(\w+)"\)', code)) == set(failpoints.POINTS)


def test_an_armed_place_kills_its_process():
    assert run("after_lock").returncode == -signal.SIGKILL


def test_another_place_does_not():
    assert run("after_mint").returncode == 0


def test_it_can_wait_for_the_third_time():
    assert run("after_lock:3").stdout.split() == [b"0", b"1", b"2"]


def test_a_file_arms_it_once(tmp_path):
    armed = tmp_path / "armed"
    armed.write_text("after_lock")
    assert [run(f"@{armed}").returncode for _ in range(2)] == [-signal.SIGKILL, 0]


def test_it_can_wait_a_while_instead(disarmed):
    failpoints.arm(settings(TEST), {"FAILPOINT": "after_lock:sleep=0.2"})
    before = time.monotonic()
    failpoints.reach("after_lock")
    assert time.monotonic() - before >= 0.2


def test_a_name_that_does_not_exist_is_refused(disarmed):
    with pytest.raises(SettingsError, match="FAILPOINT names no failpoint"):
        failpoints.arm(settings(TEST), {"FAILPOINT": "after_lunch"})


@pytest.mark.parametrize(
    ("given", "environment"),
    [(LIVE, {}), (TEST, {"TOLLGATE_ENV": "production"}), (TEST | {"mode": "test"}, {"TOLLGATE_ENV": "Production"})],
)
def test_where_money_is_real_it_is_ignored(disarmed, given, environment):
    failpoints.arm(settings(given), {"FAILPOINT": "after_lock", **environment})
    failpoints.reach("after_lock")
    assert failpoints._armed == []
