"""Where a buyer may be sent back to: our own host, or one the operator has listed. PURE."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from app.problems import ForeignReturnUrl

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST = 2000


def check(url: str, *, public_url: str, allowed_hosts: Iterable[str]) -> str:
    """The URL itself when it is safe to redirect to; raises ForeignReturnUrl.

    Backslashes and control characters are refused because browsers and parsers disagree about them.
    """
    if len(url) > LONGEST or "\\" in url or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise ForeignReturnUrl("the URL is too long or has characters that do not belong there")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ForeignReturnUrl("this is not a URL") from None
    if parts.scheme not in ("https", "http") or not host or parts.username is not None or parts.password is not None:
        raise ForeignReturnUrl("give an absolute https URL without a user name")
    ours = urlsplit(public_url)
    if (parts.scheme, host, port) == (ours.scheme, ours.hostname, ours.port):
        return url
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ForeignReturnUrl("give an https URL")
    names = {name.lower() for name in allowed_hosts}
    if host not in names and f"{host}:{port}" not in names:
        raise ForeignReturnUrl(f"{host} is not in ALLOWED_RETURN_HOSTS")
    return url
