"""Security headers on every answer. The syntax is `secure`'s, the values are ours.

`form-action` has to name the pay pages: browsers block the redirect that follows our own form otherwise.
"""

from urllib.parse import urlsplit

from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CustomHeader,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)

from app.config import Settings
from app.logs import HEADER as REQUEST_ID

STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")
STRIPE_API = "https://api.stripe.com"
YEAR = 31_536_000
FILES = ("/static/", "/docs/assets/")  # they may be kept
NOT_STORED = ("Cache-Control", "no-store")

Headers = list[tuple[str, str]]


class Policies:
    """Worked out once, put on every answer. `/docs` gets a looser one for Swagger's own styles; data needs only `of_data`."""

    def __init__(self, settings: Settings) -> None:
        page = _policy().style_src("'self'").img_src("'self'", "data:").form_action("'self'", *pay_hosts(settings))
        swagger = (
            _policy()
            .script_src("'self'")
            .style_src("'self'", "'unsafe-inline'")
            .img_src("'self'", "data:")
            .connect_src("'self'")
        )
        filled = _policy().style_src("'self'").img_src("'self'", "data:").script_src("'self'").form_action("'self'")
        recover = _headers(settings, filled)  # a script of ours reads the link's fragment there
        self._pages = _headers(settings, page)
        self._others = {
            "/docs": _headers(settings, swagger.form_action("'none'")),
            "/recover": recover,
            "/recover/ask": recover,
        }
        self.of_data = [*Secure(csp=_policy(), xcto=XContentTypeOptions().nosniff()).headers.items(), NOT_STORED]
        self._names = frozenset(name.lower() for name in (*dict(self._pages), NOT_STORED[0], REQUEST_ID))

    def add_to(self, headers: Headers, path: str) -> Headers:
        """The answer's own headers and ours, which win: a list that may be added to."""
        if path.startswith(FILES):
            return [*headers, *self._pages]
        own = {name.lower(): value for name, value in headers}
        if not self._names.isdisjoint(own):
            headers = [header for header in headers if header[0].lower() not in self._names]
        if path.startswith("/v1/") or "json" in own.get("content-type", ""):
            return [*headers, *self.of_data]
        return [*headers, *self._others.get(path, self._pages), NOT_STORED]


def pay_hosts(settings: Settings) -> list[str]:
    """Origins that a buyer's browser may be sent on to after a form of ours."""
    stand_in = "" if settings.stripe_api_base == STRIPE_API else settings.stripe_api_base  # serves its own pay pages
    return [*STRIPE_PAGES, *dict.fromkeys(_origin(url) for url in (stand_in, settings.btcpay_url) if url)]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _policy() -> ContentSecurityPolicy:
    return ContentSecurityPolicy().default_src("'none'").base_uri("'none'").frame_ancestors("'none'")


def _headers(settings: Settings, policy: ContentSecurityPolicy) -> Headers:
    secure = Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        hsts=StrictTransportSecurity().max_age(YEAR) if settings.secure else None,
        custom=[CustomHeader("X-Robots-Tag", "noindex")] if settings.mode == "test" else None,
    )
    return [*secure.headers.items()]
