"""Who is calling: the peer, or what a proxy that we trust says about it. PURE."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.config.values import UNIX

Address = IPv4Address | IPv6Address


def client_address(peer: str | None, forwarded_for: str | None, trusted: Iterable[str]) -> str:
    """The nearest address that is not one of our proxies. `X-Forwarded-For` from anybody else is ignored.

    `peer` is empty where a unix socket is, None where a server does not tell.
    """
    names = tuple(trusted)
    networks = [_network(name) for name in names if name != UNIX]
    here = _parse(peer or "")
    believed = UNIX in names if peer == "" else _among(here, networks)
    for hop in reversed((forwarded_for or "").split(",")):
        before = _parse(hop)
        if before is None or not believed:
            break
        here, believed = before, _among(before, networks)
    return "unknown" if here is None else str(here)


def bucket(address: str) -> str:
    """What to count by: an IPv6 holder owns a whole /64."""
    parsed = _parse(address)
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _among(address: Address | None, networks: list[IPv4Network | IPv6Network]) -> bool:
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _network(name: str) -> IPv4Network | IPv6Network:
    return ip_network(name, strict=False)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
