"""`instance` of a problem: the address that was asked for, as a URI reference (RFC 9457). PURE."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PLAIN = "/:@!$&'()*+,;="  # stands in the path of an address as it is


def instance_of(environ: Mapping[str, Any]) -> str:
    """The path of a WSGI request, whose server has decoded it into bytes that look like Latin-1. The query stays out: keys end up there."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return "/" + quote(path.lstrip("/"), safe=PLAIN, encoding="latin-1")  # two slashes would begin with a host
