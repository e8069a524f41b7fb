"""The examples of docs/gating.md run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.test import Client

TEXT = (Path(__file__).parents[2] / "docs/gating.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LOUD = 'curl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }\n'


def test_there_are_examples():
    assert (len(PYTHON), len(SHELL)) == (3, 2)


def test_no_address_holds_what_zsh_takes_for_a_pattern():
    assert re.findall(r"\shttp\S*[?*\[]", "".join(SHELL)) == []


@pytest.mark.parametrize("program", PYTHON)
def test_a_program_runs(gateway, tmp_path, program):
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=gateway.environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture
def middleware(gateway, monkeypatch):
    """A client of what the middleware's example makes, of which only the gateway's address and token are exchanged."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (program,) = (text for text in PYTHON if "TollgateMiddleware(" in text)
    program = program.replace("127.0.0.1:8000", f"127.0.0.1:{gateway.port}")
    made = {}
    exec(program.replace("one of SERVICE_TOKENS", gateway.environ["SERVICE_TOKENS"]), made)
    return Client(made["application"])


@pytest.mark.parametrize(
    ("path", "key", "status", "said"),
    [
        ("/health", "none", 200, "Hello stranger\n"),
        ("/health", "good", 200, "Hello stranger\n"),
        ("/", "good", 200, "Hello pro\n"),
        ("/", "none", 401, "missing_key"),
        ("/reports/1", "good", 403, "insufficient_scope"),
        ("/reports/1", "reader", 200, "Hello pro\n"),
    ],
)
def test_the_middleware_does_what_its_example_says(middleware, keys, path, key, status, said):
    answer = middleware.get(path, headers={"X-API-Key": keys[key]} if keys[key] else {})
    assert (answer.status_code, said in answer.text) == (status, True)


@pytest.mark.parametrize("command", SHELL)
def test_a_command_is_answered_well(gateway, keys, tmp_path, command):
    environ = {**gateway.environ, "KEY": keys["good"], "SERVICE_TOKEN": gateway.environ["SERVICE_TOKENS"]}
    script = LOUD + command.replace("127.0.0.1:8000", f"127.0.0.1:{gateway.port}")
    result = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"valid":true' in result.stdout or "X-Tollgate-Plan: pro" in result.stdout
