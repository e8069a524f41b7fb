"""SIGHUP on either server: settings and catalogue are read anew, and a mistake in them stops nobody. Workers share what was built once."""

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from journey_processes import serve, wait_until, workers_of
from journey_values import CATALOG, SANDBOX

from sandbox import Running

RIGHT, NEW = 'name = "Pro"', 'name = "Professional"'


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def life(request, tmp_path_factory):
    """What a gateway called its plan and which workers it had: at first, with a new catalogue, and with a wrong one."""
    folder = tmp_path_factory.mktemp(request.param)
    catalog = folder / "catalog.toml"
    text = CATALOG.read_text()
    catalog.write_text(text)
    dotenv = folder / ".env"
    settings = {"CATALOG": str(catalog)}
    with (
        Running(SANDBOX) as sandbox,
        serve(sandbox, f"sqlite:///{folder / 'shop.db'}", folder=folder, server=request.param, **settings) as gateway,
    ):
        kib = memory(workers_of(gateway)[-1])
        names = [named(gateway)]
        for written in (text.replace(RIGHT, NEW), text.replace(RIGHT, "name = ")):
            catalog.write_text(written)
            hang_up(gateway)
            names.append(named(gateway))
        dotenv.write_bytes("MAIL_FROM=Müller".encode("latin-1"))
        hang_up(gateway)
        names.append(named(gateway))
        yield SimpleNamespace(names=names, kib=kib, log=next(folder.glob("*.log")).read_text())


def test_a_new_catalogue_is_read(life):
    assert life.names[:2] == ["Pro", "Professional"]


def test_a_wrong_one_is_said_to_be_wrong_and_the_last_right_one_goes_on(life):
    assert life.names[2] == "Professional"
    assert "going on with the settings and the catalogue of before" in life.log
    assert "this is not TOML" in life.log


def test_nor_does_a_file_that_nobody_can_read_end_anything(life):
    assert life.names[3] == "Professional"
    assert "cannot be read as UTF-8" in life.log


def test_most_of_a_workers_memory_is_shared(life):
    assert life.kib["Private_Dirty"] < 0.3 * life.kib["Rss"]


def hang_up(gateway):
    """Until all workers are new ones."""
    old = workers_of(gateway)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: workers_of(gateway) and not set(old) & set(workers_of(gateway)), seconds=30)


def named(gateway):
    """What the plan is called."""
    plans = requests.get(f"{gateway.shop.url}/v1/plans", timeout=10).json()["data"]
    return next(plan["name"] for plan in plans if plan["id"] == "pro")


def memory(pid):
    """KiB of one process, of every kind that Linux tells."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
