"""Every curl in the README runs, against a real gateway, and is answered well.

Blocks marked `sh` that hold a curl run in the README's order, each in a shell of its own. KEY is a paid key, ORDER its order,
ADMIN_TOKEN the operator's token; `<!-- not run -->` on the line before a block leaves it out. The address of the demo in the
text is exchanged for the one that runs here.
"""

import re
import subprocess

import house
import pytest

README = (house.ROOT / "README.md").read_text()
BLOCK = re.compile(r"^(?P<mark><!-- not run -->\n+)?```(?:sh|bash)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
CURLS = [block["text"] for block in BLOCK.finditer(README) if "curl" in block["text"] and not block["mark"]]
DEMO = re.compile(r"http://(127\.0\.0\.1|localhost):8000")
FAILING_LOUDLY = 'curl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }\n'


@pytest.fixture(scope="module")
def bought(run):
    """A key that was paid by card, and its order."""
    order = run.ask("POST", "/v1/orders", json={"plan": "pro", "provider": "stripe"}).json()
    run.press(order, "pay")
    return order


def test_the_readme_shows_how_to_call_it():
    assert CURLS


@pytest.mark.parametrize("text", CURLS)
def test_a_curl_of_the_readme_runs(run, bought, tmp_path, text):
    environ = {**run.environ, "KEY": bought["api_key"], "ORDER": bought["id"]}
    script = FAILING_LOUDLY + DEMO.sub(run.demo.gateway, text)
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
