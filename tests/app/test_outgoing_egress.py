"""The way out to addresses that others chose: nothing private, whatever the name says, and the address that was checked."""

import socket
import ssl
import threading

import pytest
from certificates import certificate
from post_office import receiver

from app.outgoing import egress
from app.outgoing.egress import Blocked, NoAnswer, is_public, post

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "64:ff9b:1::7f00:1",
]


@pytest.fixture
def hook():
    with receiver() as server:
        yield server


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_to_a_private_address_is_blocked(address):
    with pytest.raises(Blocked):
        post("https://hooks.example/", b"{}", {}, private=False, lookup=lambda *_: [address])


def test_one_private_address_among_public_ones_is_enough():
    with pytest.raises(Blocked):
        post("https://hooks.example/", b"{}", {}, private=False, lookup=lambda *_: ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:7f00:1]", "localhost"])
def test_every_spelling_of_loopback_is_blocked(host):
    with pytest.raises((Blocked, NoAnswer)):
        post(f"https://{host}/", b"{}", {}, private=False)


def test_http_is_blocked():
    with pytest.raises(Blocked):
        post("http://93.184.216.34/", b"{}", {}, private=False)


def test_the_name_is_looked_up_once_and_the_connection_goes_there(hook):
    """A name that answers differently the second time (DNS rebinding) is never asked a second time."""
    asked = []

    def lookup(host, _port):
        asked.append(host)
        return ["127.0.0.1"]

    assert post(f"http://hooks.invalid:{hook.port}/a?b=c", b"{}", {}, private=True, lookup=lookup) == 200
    assert (asked, hook.heard[0][0], hook.heard[0][1]["Host"]) == (
        ["hooks.invalid"],
        "/a?b=c",
        f"hooks.invalid:{hook.port}",
    )


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_an_answer_and_not_followed(hook, status):
    hook.status = status
    assert post(hook.url, b"{}", {}, private=True) == status
    assert len(hook.heard) == 1


def test_nobody_there_is_no_answer():
    with receiver() as gone:
        pass
    with pytest.raises(NoAnswer):
        post(gone.url, b"{}", {}, private=True)


def test_an_unknown_name_is_no_answer():
    with pytest.raises(NoAnswer):
        egress.look_up("no-such-host.invalid", 443)


def test_a_server_that_drips_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        with pytest.raises(NoAnswer):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True, seconds=1.0)


def _drip(server):
    connection, _ = server.accept()
    with connection:
        for _ in range(100):
            try:
                connection.sendall(b"H")
            except OSError:
                return
            threading.Event().wait(0.1)


@pytest.fixture
def secure_hook(tmp_path):
    """A server with a certificate for hooks.example alone, and the file that vouches for it."""
    pem = tmp_path / "hooks.pem"
    pem.write_bytes(certificate("hooks.example"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with receiver(context) as server:
        server.trusted = str(pem)
        yield server


def test_over_tls_the_certificate_of_the_name_is_what_counts(secure_hook):
    url = f"https://hooks.example:{secure_hook.port}/"
    options = {"lookup": lambda *_: ["127.0.0.1"], "trusted": secure_hook.trusted}
    assert post(url, b"{}", {}, private=True, **options) == 200


def test_a_certificate_of_another_name_is_no_answer(secure_hook):
    url = f"https://other.example:{secure_hook.port}/"
    options = {"lookup": lambda *_: ["127.0.0.1"], "trusted": secure_hook.trusted}
    with pytest.raises(NoAnswer, match="other"):
        post(url, b"{}", {}, private=True, **options)


def test_a_certificate_that_nobody_vouches_for_is_no_answer(secure_hook):
    with pytest.raises(NoAnswer):
        post(f"https://hooks.example:{secure_hook.port}/", b"{}", {}, private=True, lookup=lambda *_: ["127.0.0.1"])
