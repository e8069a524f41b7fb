"""Peers: whatever of them is installed does the work that it is measured by; what is not is named."""

import pytest
import requests

from app.bench import peers
from app.bench.cases import Case, Ground, Program
from app.bench.peers import PEERS, Peer
from app.bench.rounds import key_file
from app.bench.running import Server

GROUND = Ground("sqlite", "redis", keys=5)
SILENT = {"drf-api-key"}  # Django REST framework counts, but has no headers that say so


@pytest.fixture(scope="module", params=PEERS)
def asked(request, ground, tmp_path_factory):
    """A peer's name, and its answers to a key that it knows and to one that it does not."""
    name, peer = request.param, PEERS[request.param]
    if not peer.is_there():
        pytest.skip(f"not to be had: {name}, {peer.command}")
    case = Case("peer", Program(name, peer.server, GROUND), windows=1)
    server = Server(case.program, ground, tmp_path_factory.mktemp("peer"))
    try:
        key = key_file(case, ground).read_text().split()[0]
        yield name, ask(server.port, key), ask(server.port, f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}")
    finally:
        server.stop()


def ask(port, key):
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"http://127.0.0.1:{port}/hello", headers={"X-API-Key": key}, timeout=10)


def test_a_peer_answers_a_key_that_it_knows_with_what_everybody_answers(asked):
    _, known, _ = asked

    assert (known.status_code, known.json()) == (
        200,
        {"id": "rep_1", "title": "Figures of the day", "values": [1, 2, 3]},
    )


def test_a_peer_refuses_a_key_that_it_does_not_know(asked):
    _, _, unknown = asked

    assert unknown.status_code in {401, 403}


def test_a_peer_says_its_limit_in_the_headers(asked):
    name, known, _ = asked

    assert any("ratelimit" in header.lower() for header in known.headers) == (name not in SILENT)


def test_only_what_counts_in_memory_is_compared_with_where_redis_is_not():
    assert set(peers.fitting(Ground("sqlite", "memory"))) == {"flask-limiter+orm", "drf-api-key"}


def test_what_is_not_installed_is_named_with_what_would_install_it():
    some = {
        "one": Peer("node", "npm install", lambda: False),
        "here": Peer("gthread", "uv sync", lambda: True),
        "other": Peer("uvicorn", "uv sync", lambda: False),
        "two": Peer("node", "npm install", lambda: False),
    }

    assert peers.absent(some) == "one, two (npm install); other (uv sync)"


def test_nothing_is_said_where_everything_is_installed():
    assert peers.absent({"here": Peer("gthread", "uv sync", lambda: True)}) == ""
