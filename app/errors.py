"""Situations -> application/problem+json (RFC 9457): one table. Browsers on our own pages get a page instead.

Steps raise exceptions that name a situation and know no HTTP; here each gets its status and its stable code.
"""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import problems
from app.catalog import NotOnSale, UnknownPlan
from app.db import UNABLE, DatabaseDown
from app.gate import Denied
from app.instances import instance_of
from app.logs import request_id
from app.operators import situations
from app.refusals import KINDS, challenge, document, members_of
from keystore.errors import BadLimits, NotRotatable, UnknownEntitlement, UnknownKey
from providers.base import NotAuthentic

log = logging.getLogger(__name__)

CODES: Mapping[type[Exception], str] = {
    UnknownPlan: "unknown_plan",
    NotOnSale: "not_on_sale",
    UnknownKey: "not_found",
    UnknownEntitlement: "not_found",
    NotRotatable: "not_rotatable",
    problems.UnknownProvider: "unknown_provider",
    problems.ForeignReturnUrl: "foreign_return_url",
    problems.WeakIdempotencyKey: "invalid_request",
    problems.IdempotencyMismatch: "idempotency_mismatch",
    problems.IdempotencyInFlight: "idempotency_in_flight",
    problems.OrderNotFound: "not_found",
    problems.OrderClosed: "order_closed",
    problems.NotRenewable: "not_renewable",
    problems.NoPortal: "no_portal",
    problems.NotStored: "unavailable",
    problems.EndpointNotFound: "not_found",
    problems.EndpointDisabled: "endpoint_disabled",
    problems.LinkSpent: "link_spent",
    situations.NotThere: "not_found",
    situations.NotHeld: "not_held",
    situations.AlreadyRefunded: "already_refunded",
    situations.RefundInFlight: "refund_in_flight",
    situations.RefundRefused: "refund_refused",
    situations.NotPossible: "not_possible",
    NotAuthentic: "bad_signature",
    DatabaseDown: "unavailable",
    **dict.fromkeys(UNABLE, "unavailable"),
}
SPEAKING = (
    problems.ForeignReturnUrl,
    problems.NotRenewable,
    problems.WeakIdempotencyKey,
    situations.RefundRefused,
    situations.NotPossible,
)  # their words are written for the caller
PAGES = frozenset({"pages", "renewing", "lost", "machines", "swagger", "static"})  # our blueprints that people look at
RETRY_AFTER = {"idempotency_in_flight": "2", "unavailable": "5", "provider_unavailable": "10"}


def init_app(app: Flask) -> None:
    """Register the table, and a last resort that shows nothing."""
    for situation in CODES:
        app.register_error_handler(situation, _situation)
    app.register_error_handler(problems.InvalidInput, _invalid_input)
    app.register_error_handler(BadLimits, _bad_limits)
    app.register_error_handler(problems.ProviderFailed, _provider_failed)
    app.register_error_handler(Denied, _denied)
    app.register_error_handler(RateLimitExceeded, _too_often)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(
    code: str, detail: str = "", *, status: int | None = None, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """The answer for a code. `members` are extension members; None leaves one out. Never pass what the caller sent."""
    headers = {**({"Retry-After": RETRY_AFTER[code]} if code in RETRY_AFTER else {}), **(headers or {})}
    if wants_page():
        return _page(status or KINDS[code].status, headers)
    return _document(code, detail, status=status or KINDS[code].status, headers=headers, **members)


def _document(code: str, detail: str, *, status: int, headers: Mapping[str, str], **members: Any) -> Response:
    base = current_app.extensions["tollgate"].settings.public_url
    body = document(
        code,
        base=base,
        detail=detail,
        status=status,
        instance=instance_of(request.environ),
        request_id=request_id(),
        **members,
    )
    response = jsonify(body)
    response.status_code = status
    response.mimetype = "application/problem+json"
    response.headers.update(headers)
    return response


def wants_page() -> bool:
    """Browsers say text/html, and so do clients that never thought about it: only our pages and addresses of nobody answer with one."""
    if request.path.startswith("/v1/") or "text/html" not in request.headers.get("Accept", ""):
        return False
    endpoint = _endpoint()
    return endpoint is None or (endpoint.rpartition(".")[0] or endpoint) in PAGES


def _endpoint() -> str | None:
    """Where the request went; with a wrong method, where a right one would have gone."""
    wrong, adapter = request.routing_exception, current_app.create_url_adapter(request)
    if isinstance(wrong, MethodNotAllowed) and wrong.valid_methods and adapter:
        endpoint, _ = adapter.match(method=min(wrong.valid_methods))
        return str(endpoint)
    return request.endpoint


def _page(status: int, headers: Mapping[str, str]) -> Response:
    body = render_template("error.html", status=status, request_id=request_id())
    return Response(body, status, headers=dict(headers), content_type="text/html; charset=utf-8")


def _situation(error: Exception) -> Response:
    code = next(CODES[cls] for cls in type(error).__mro__ if cls in CODES)
    if code == "unavailable" and not isinstance(error, DatabaseDown):  # which app.db tells once for many requests
        log.error("answered 503: %s", type(error).__name__, exc_info=error)
    if isinstance(error, problems.WeakIdempotencyKey):
        return problem(code, str(error), param="Idempotency-Key")
    return problem(code, str(error) if isinstance(error, SPEAKING) else "")


def _invalid_input(error: problems.InvalidInput) -> Response:
    return invalid([(error.pointer, error.detail)])


def _bad_limits(_error: BadLimits) -> Response:
    return invalid(
        [("/limits", "name rates of the plan, or its quota, each with a whole number from 1 to a thousand million")]
    )


def invalid(errors: list[tuple[str, str]], *, status: int = 422) -> Response:
    """Values that can be read but not used: (JSON pointer, what is wrong) for each."""
    members = [{"pointer": pointer, "detail": detail} for pointer, detail in errors]
    first, wrong = errors[0]
    return problem(
        "invalid_request",
        f"{first}: {wrong}",
        status=status,
        param=first.strip("/").split("/")[0] or None,
        errors=members,
    )


def _provider_failed(error: problems.ProviderFailed) -> Response:
    detail = (
        f"{error.provider} refused; the operator has to mend something. "
        if error.refused
        else f"{error.provider} does not answer. "
    )
    if error.order_id:
        detail += "Nothing was charged. Repeat the request with its Idempotency-Key to go on with the same order."
    return problem(
        "provider_unavailable", detail.strip(), status=502 if error.refused else 503, order_id=error.order_id
    )


def _denied(error: Denied) -> Response:
    decision, code = error.decision, error.decision.outcome.value
    status, headers = KINDS[code].status, challenge(code, error.scope)
    return _document(
        code, decision.detail, status=status, headers=headers, **members_of(decision)
    )  # our pages have no gate


def _too_often(error: RateLimitExceeded) -> Response:
    """An anonymous endpoint was called too often from one address. By then its window has turned for sure."""
    allowed = error.limit.limit
    return problem("rate_limited", f"{allowed} from one address", headers={"Retry-After": str(allowed.get_expiry())})


def _http(error: HTTPException) -> Response:
    """What Flask, Werkzeug and Flask-WTF refuse on their own."""
    status = error.code or 500
    code = {401: "unauthorized", 403: "forbidden", 404: "not_found", 503: "unavailable", 500: "internal_error"}.get(
        status, "invalid_request"
    )
    if error.response is not None:  # a redirect, or an answer that is finished already
        return error.response  # type: ignore[return-value]
    headers = {name: value for name, value in error.get_headers() if name in ("Retry-After", "WWW-Authenticate")}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))  # a set, which each process would order its own way
    detail = "the form has expired: load the page again" if isinstance(error, CSRFError) else (error.description or "")
    return problem(code, detail if status < 500 else "", status=status, headers=headers)


def _unexpected(error: Exception) -> Response:
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return problem("internal_error")
