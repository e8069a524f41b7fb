"""The keystore stands alone."""

import subprocess
import sys

import pytest

PROGRAM = "import sys, keystore; print(*sorted(name.partition('.')[0] for name in sys.modules))"


@pytest.fixture(scope="module")
def imported():
    """What a process that imports nothing but the keystore has loaded."""
    return subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("stranger", ["flask", "stripe", "requests", "pydantic", "app", "providers", "sandbox"])
def test_importing_the_keystore_brings_in_nothing_of_the_house(imported, stranger):
    assert "keystore" in imported
    assert stranger not in imported
