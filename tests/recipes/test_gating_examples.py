"""The examples of docs/gating.md run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs/gating.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LOUD = 'curl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }\n'


def test_there_are_examples():
    assert (len(PYTHON), len(SHELL)) == (3, 2)


@pytest.mark.parametrize("program", PYTHON)
def test_a_program_runs(gateway, tmp_path, program):
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=gateway.environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", SHELL)
def test_a_command_is_answered_well(gateway, keys, tmp_path, command):
    environ = {**gateway.environ, "KEY": keys["good"], "SERVICE_TOKEN": gateway.environ["SERVICE_TOKENS"]}
    script = LOUD + command.replace("127.0.0.1:8000", f"127.0.0.1:{gateway.port}")
    result = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"valid":true' in result.stdout or "X-Tollgate-Plan: pro" in result.stdout
