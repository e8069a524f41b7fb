"""What a web process must not carry: it is paid for in every worker."""

import os
import subprocess
import sys

import pytest

from migrations.runner import upgrade

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


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The modules of a process that serves from a database that is up to date."""
    folder = tmp_path_factory.mktemp("serving")
    url = f"sqlite:///{folder}/tollgate.db"
    upgrade(url)
    environ = os.environ | ENVIRON | {"DATABASE_URL": url}
    ended = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, env=environ)
    return set(ended.stdout.partition("loaded:")[2].split())


@pytest.mark.parametrize("name", ["alembic", "mako", "aiosmtpd", "sandbox", "app.bench", "app.cli"])
def test_a_web_process_does_without(loaded, name):
    assert name not in loaded


def test_it_is_a_web_process(loaded):
    assert {"wsgi", "flask", "app.worker"} <= loaded
