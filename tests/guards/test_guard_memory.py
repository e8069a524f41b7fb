"""What a web process must not carry: it is paid for in every worker."""

import os
import subprocess
import sys

import pytest

from migrations import NEWEST
from migrations.runner import current, downgrade, upgrade

ENVIRON = {
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "SECRET_KEY": "k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
    "KEY_PEPPERS": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
    "STRIPE_SECRET_KEY": "sk_test_4eC39HqLyjWDarjtT1zd",
    "STRIPE_WEBHOOK_SECRET": "whsec_9fK2mVx7Qa4Zt1Lr",
    "PRICE_ID_PRO": "price_1Pro",
    "WORKER": "embedded",
}
LOADED = "import sys, wsgi; print('loaded:', *sys.modules)"


def serve(url):
    """The modules of a process that serves from that database."""
    environ = os.environ | ENVIRON | {"DATABASE_URL": url}
    ended = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, env=environ)
    return set(ended.stdout.partition("loaded:")[2].split())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What is loaded where the database is up to date."""
    url = f"sqlite:///{tmp_path_factory.mktemp('serving')}/tollgate.db"
    upgrade(url)
    return serve(url)


@pytest.mark.parametrize("name", ["alembic", "mako", "aiosmtpd", "sandbox", "app.bench", "app.cli"])
def test_a_web_process_does_without(loaded, name):
    assert name not in loaded


def test_it_is_a_web_process(loaded):
    assert {"wsgi", "flask", "app.worker"} <= loaded


def test_a_database_whose_tables_were_all_taken_back_gets_them_again(tmp_path):
    url = f"sqlite:///{tmp_path}/tollgate.db"
    upgrade(url)
    downgrade(url, "base")
    serve(url)
    assert current(url) == NEWEST
