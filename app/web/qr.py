"""A picture of a link, for whoever pays with the phone in their hand."""

from functools import lru_cache

import segno
from markupsafe import Markup

LONGEST = 1_000  # characters; what is longer gives a picture too fine for a camera


@lru_cache(maxsize=128)  # a page that waits for a payment draws it every two seconds
def qr_code(url: str) -> Markup | None:
    """Inline SVG, dark on light with its quiet zone also where the page is dark; None for a link that is too long."""
    if len(url) > LONGEST:
        return None
    code = segno.make(url, error="l", micro=False)
    return Markup(code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704 (nothing of the link is in it as text)
