"""The one way to an address that somebody else chose: public addresses only, checked after the name was looked up.

The connection goes to the very address that was checked, so a name that answers differently the second time gains nothing
(DNS rebinding), and a redirect is an answer, never followed. Certificates are checked against the name.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from urllib.parse import urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from providers.http import BoundedPool, BoundedSecurePool, within

SECONDS = 15.0  # for looking up, connecting and the whole answer
LOOKUP_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}
UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is routed so far
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address in the last four bytes, wherever the network maps it

Lookup = Callable[[str, int], list[str]]  # host and port -> addresses
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Blocked(Exception):
    """The URL is not https, or leads to an address that is not public. The text says which."""


class NoAnswer(Exception):
    """Nobody there, or not in time."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool,
    lookup: Lookup | None = None,
    seconds: float = SECONDS,
    trusted: str = DEFAULT_CA_BUNDLE_PATH,
) -> int:
    """The status of the answer, of which nothing else is read. `private`: http and private addresses are fine.

    `trusted`: a file of certificate authorities. Raises Blocked, NoAnswer.
    """
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme, 0)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with within(seconds):
        pool = _pool(url, checked_address(url, private=private, lookup=lookup), port, trusted=trusted)
        try:
            answer = pool.urlopen(
                "POST",
                target,
                body=body,
                headers={"Host": parts.netloc, **headers},
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(total=seconds),
            )
            answer.close()
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            pool.close()
    return int(answer.status)


def checked_address(url: str, *, private: bool, lookup: Lookup | None = None) -> str:
    """The address to connect to, by the rules above. Raises Blocked, NoAnswer (the name is unknown)."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Blocked("it is not https")
    addresses = (lookup or look_up)(host, port)
    if not private and not all(is_public(address) for address in addresses):
        raise Blocked("it leads to a private address")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether the open internet routes there; an IPv4 address inside an IPv6 one is looked at itself."""
    parsed = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    routed = isinstance(parsed, ipaddress.IPv4Address) or parsed in UNICAST
    return parsed.is_global and routed and not parsed.is_multicast


def look_up(host: str, port: int) -> list[str]:
    """Every address of a name, in the system's order. The system's own patience is minutes; ours is seconds."""
    found: Future[list[str]] = Future()

    def run() -> None:
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result([str(entry[4][0]) for entry in known])
        except (OSError, UnicodeError) as error:
            found.set_exception(NoAnswer(f"no address for {host}: {error}"))

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.result(LOOKUP_SECONDS)
    except TooLate:
        raise NoAnswer(f"no address for {host} in time") from None


def _innermost(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _pool(url: str, address: str, port: int, *, trusted: str) -> urllib3.HTTPConnectionPool:
    """Connections to `address` that want the certificate of the URL's host."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return BoundedPool(address, port)
    return BoundedSecurePool(
        address,
        port,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        cert_reqs="CERT_REQUIRED",
        ca_certs=trusted,
    )
