"""HTTP only: parse the request, call one step, shape the answer. No SQL and no provider's SDK in here."""

from collections.abc import Callable
from typing import Any

from flask_openapi import Info, OpenAPI
from flask_openapi.models import SecurityScheme
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import BaseConverter, Map

from app.tollgate import Tollgate
from app.web import (
    admin,
    admin_access,
    admin_books,
    admin_boxes,
    admin_endpoints,
    admin_entitlements,
    admin_orders,
    authz,
    keys,
    languages,
    machines,
    orders,
    pages,
    plans,
    recovery,
    renewals,
    renewing,
    throttle,
    usage,
    verify,
    webhooks,
)
from app.web.answers import Problem
from app.web.plain_json import PlainJSON
from app.web.reading import API_BODY, StrictRequest, refusal
from app.web.sessions import LazySessions
from app.web.shell import WholeResponse

API = (
    plans.api,
    orders.api,
    renewals.held,
    recovery.api,
    keys.api,
    webhooks.api,
    admin_access.api,
    verify.api,
    authz.api,
)
# Their endpoints are on admin_access.api.
OPERATING = (admin, admin_books, admin_boxes, admin_endpoints, admin_entitlements, admin_orders)
HOLDING = (usage,)  # its endpoint is on renewals.held
SITES = (pages.site, renewing.site, recovery.site)
DESCRIPTION = (
    "Buy access to an API by card or by bitcoin, hold a key, pass the gate. "
    "Money is in minor units of its currency (bitcoin: sats), times are UTC, errors are application/problem+json with a stable `code`."
)
SCHEMES: dict[str, SecurityScheme | dict[str, Any]] = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
    "Admin": {"type": "http", "scheme": "bearer", "description": "ADMIN_TOKEN"},
    "Service": {"type": "http", "scheme": "bearer", "description": "one of SERVICE_TOKENS"},
}


class StrictOpenAPI(OpenAPI):
    """A Flask app that describes itself and reads JSON strictly."""

    request_class = StrictRequest
    response_class = WholeResponse
    json_provider_class = PlainJSON
    session_interface = LazySessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view or hook is a coroutine; looking whether one is costs a request more than its key."""
        return func


class IdConverter(BaseConverter):
    """`<id('ord'):…>`: one of our ids. Anything else is a 404 before a query is made of it."""

    def __init__(self, url_map: Map, prefix: str) -> None:
        super().__init__(url_map)
        self.regex = f"{prefix}_[0-9A-Za-z]{{1,36}}"


class NameConverter(BaseConverter):
    """A provider's name."""

    regex = "[a-z]{1,20}"


def make_flask(tollgate: Tollgate) -> OpenAPI:
    """The bare application object, configured; `init_app` puts the endpoints on it."""
    app = StrictOpenAPI(
        "app",
        info=Info(title="Tollgate", version="1", description=DESCRIPTION),
        security_schemes=SCHEMES,
        validation_error_model=Problem,
        validation_error_callback=refusal,
        doc_ui=False,
    )
    app.openapi_version = "3.1.0"
    settings = tollgate.settings
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=API_BODY,
        SESSION_COOKIE_NAME="__Host-tg_session" if settings.secure else "tg_session",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,  # forms are on SITES; a key in a header is no cookie: nobody can be tricked into sending it
        WTF_CSRF_SSL_STRICT=False,  # it asks for a Referer, and our own policy forbids browsers to send one
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a pricing page may stay open overnight
    )
    app.url_map.merge_slashes = (
        False  # it would send the client on, and repeat a key in the address to whoever logs answers
    )
    app.url_map.converters.update(id=IdConverter, name=NameConverter)
    return app


def init_app(app: OpenAPI) -> None:
    """Endpoints, pages, and what stands around all of them."""
    tollgate: Tollgate = app.extensions["tollgate"]
    csrf = CSRFProtect(app)
    for api in API:
        app.register_api(api)
    app.register_blueprint(machines.pages)
    app.register_blueprint(machines.swagger_files)
    for site in SITES:
        app.register_blueprint(site)
        app.before_request_funcs[site.name].insert(0, csrf.protect)
    languages.init_app(app)
    throttle.init_app(app)
    app.jinja_env.globals.update(test_mode=tollgate.settings.mode == "test", base=tollgate.settings.public_url)
