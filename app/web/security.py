"""Security headers on every answer. The syntax is `secure`'s, the values are ours.

`form-action` has to name the pay pages: browsers block the redirect that follows our own form otherwise.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, request
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
from app.tollgate import Tollgate

STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")
STRIPE_API = "https://api.stripe.com"
YEAR = 31_536_000


def init_app(app: Flask) -> None:
    """Worked out once, put on every response. `/docs` gets a looser policy for Swagger's own styles; JSON needs only a little."""
    tollgate: Tollgate = app.extensions["tollgate"]
    settings = tollgate.settings
    page = _policy().style_src("'self'").img_src("'self'", "data:").form_action("'self'", *pay_hosts(settings))
    swagger = (
        _policy()
        .script_src("'self'")
        .style_src("'self'", "'unsafe-inline'")
        .img_src("'self'", "data:")
        .connect_src("'self'")
    )
    pages = dict(_headers(settings, page).headers)
    docs = dict(_headers(settings, swagger.form_action("'none'")).headers)
    filled = _policy().style_src("'self'").img_src("'self'", "data:").script_src("'self'").form_action("'self'")
    recover = dict(_headers(settings, filled).headers)  # a script of ours reads the link's fragment there
    others = {"/docs": docs, "/recover": recover, "/recover/ask": recover}
    api = api_headers()

    @app.after_request
    def add_headers(response: Response) -> Response:
        if request.path.startswith("/v1/"):
            response.headers.extend(api)
            return response
        response.headers.update(others.get(request.path, pages))
        if request.endpoint not in ("static", "swagger.static"):
            response.headers["Cache-Control"] = "no-store"
        return response


def api_headers() -> dict[str, str]:
    """For everything under /v1."""
    return {**dict(Secure(csp=_policy(), xcto=XContentTypeOptions().nosniff()).headers), "Cache-Control": "no-store"}


def pay_hosts(settings: Settings) -> list[str]:
    """Origins that a buyer's browser may be sent on to after a form of ours."""
    stand_in = "" if settings.stripe_api_base == STRIPE_API else settings.stripe_api_base  # serves its own pay pages
    return [*STRIPE_PAGES, *dict.fromkeys(_origin(url) for url in (stand_in, settings.btcpay_url) if url)]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _policy() -> ContentSecurityPolicy:
    return ContentSecurityPolicy().default_src("'none'").base_uri("'none'").frame_ancestors("'none'")


def _headers(settings: Settings, policy: ContentSecurityPolicy) -> Secure:
    return Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        hsts=StrictTransportSecurity().max_age(YEAR) if settings.secure else None,
        custom=[CustomHeader("X-Robots-Tag", "noindex")] if settings.mode == "test" else None,
    )
