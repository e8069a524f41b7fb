"""What a web process must not carry: it is paid for in every worker."""

import subprocess
import sys

import pytest

LOADED = "import sys; from app import create_app, worker, health; print(*sys.modules)"


@pytest.fixture(scope="module")
def loaded():
    """The modules of a process that serves."""
    return set(
        subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize("name", ["alembic", "mako", "aiosmtpd", "sandbox", "app.bench", "app.cli"])
def test_a_web_process_does_without(loaded, name):
    assert name not in loaded
