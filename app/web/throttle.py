"""Limits on anonymous endpoints, per client address (Flask-Limiter). The gate's own counting is not here.

One limiter per app: a module-level one would share its counters between two apps made by the factory.
"""

import hashlib
from typing import Any

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter
from werkzeug.exceptions import HTTPException

from app.tollgate import Tollgate
from app.web import admin_access
from app.web.client_address import bucket, client_address
from app.web.holders import held
from app.web.refused import RefusedKeys
from app.web.throttle_store import store_of

ORDERS_PER_MINUTE = 120
LIMITS = {
    "plans.list_plans": "600/minute",
    "orders.open_order": f"{ORDERS_PER_MINUTE}/minute",
    "pages.pricing": "600/minute",
    "pages.buy": f"{ORDERS_PER_MINUTE}/minute",
    "pages.show_order": "600/minute",
    "pages.other_rail": f"{ORDERS_PER_MINUTE}/minute",
    "renewing.review": f"{ORDERS_PER_MINUTE}/minute",
    "renewing.renew": f"{ORDERS_PER_MINUTE}/minute",
    "renewing.manage_card": "30/minute",
    "renewing.bring_key": "30/minute",
    "recovery.ask": "30/minute",
    "recovery.claim": "30/minute",
    "lost.show": "600/minute",
    "lost.ask_by_hand": "30/minute",
    "lost.claim_by_hand": "30/minute",
    "lost.not_mine": "60/minute",
    "lost.say_not_mine": "30/minute",
}
ASKING = ("recovery.ask", "lost.ask_by_hand")
LETTERS = "3/hour"  # to one address, whoever asks; told in the same way whether we know it or not
LIMITED_BLUEPRINTS = (held.name, admin_access.api.name)
HOLDERS = "600/minute"  # on the blueprint: it holds before the key is looked up
ADMIN_FAILURES = "20/minute"


def init_app(app: Flask) -> None:
    """Wrap the views of the table. While Redis is away each process counts for itself."""
    tollgate: Tollgate = app.extensions["tollgate"]
    uri, options = store_of(tollgate.settings.redis_url)
    limiter = Limiter(
        caller,
        storage_uri=uri,
        storage_options=options,
        in_memory_fallback_enabled=True,
        swallow_errors=True,
        headers_enabled=False,  # it would send Retry-After with every 200
    )
    limiter.init_app(app)
    keep_to_blueprints(app, limiter)
    app.extensions["throttle"] = limiter
    app.extensions["refused_keys"] = RefusedKeys(tollgate.settings.trusted_proxies)
    for endpoint, limit in LIMITS.items():
        app.view_functions[endpoint] = limiter.limit(limit)(app.view_functions[endpoint])  # type: ignore[assignment]
    by_address = limiter.shared_limit(LETTERS, scope="recovery-letters", key_func=asked_about)
    for endpoint in ASKING:
        app.view_functions[endpoint] = by_address(app.view_functions[endpoint])  # type: ignore[assignment]
    limiter.limit(HOLDERS)(held)
    limiter.shared_limit(ADMIN_FAILURES, scope="admin-failures", deduct_when=_is_refusal)(admin_access.api)


def keep_to_blueprints(app: Flask, limiter: Limiter) -> None:
    """The limiter's hooks, which it put last on the app, belong where it has limits: they doubled the cost of a gated request."""
    places: tuple[Any, ...] = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    for hooks in places:
        hook = hooks[None].pop()
        if limiter not in (
            getattr(hook, "__self__", None),
            *getattr(hook, "args", ()),
        ):  # a method, or a partial of one
            raise RuntimeError(f"the last hook is not the limiter's but {hook}: this Flask-Limiter is not known")
        for name in LIMITED_BLUEPRINTS:
            hooks.setdefault(name, []).insert(0, hook)  # before anybody looks up a key


def caller() -> str:
    """The bucket of whoever sent this request."""
    trusted = current_app.extensions["tollgate"].settings.trusted_proxies
    return bucket(client_address(request.remote_addr, request.headers.get("X-Forwarded-For"), trusted))


def asked_about() -> str:
    """The bucket of the e-mail address in the request; the sender's where it holds none. Not readable in the counter store."""
    try:
        given = request.get_json() if request.is_json else request.form
    except HTTPException:
        given = {}
    email = given.get("email")
    if not isinstance(email, str) or not email.strip():
        return caller()
    return hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()


def _is_refusal(response: Response) -> bool:
    return response.status_code in (401, 403)
