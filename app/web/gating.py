"""Put an endpoint behind the gate with one decorator:

    @app.get("/reports")
    @gate(scope="reports:read")
    def reports(): ...

A whole blueprint: `reports.before_request(gate(cost=5)(lambda: None))`.

The decision is at `flask.g.decision`: `g.decision.record.entitlement`, `g.decision.plan`.
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import ParamSpec, TypeVar, overload

from flask import g
from flask.globals import request_ctx

from app.decision import Decision, Denied, Outcome, RequestHeaders, Toll
from app.web.shell import COUNTED

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[P, R]


@overload
def gate(view: View[P, R], /) -> View[P, R]: ...
@overload
def gate(
    *, cost: int = 1, scope: str | None = None, feature: str | None = None
) -> Callable[[View[P, R]], View[P, R]]: ...
def gate(
    view: View[P, R] | None = None, /, *, cost: int = 1, scope: str | None = None, feature: str | None = None
) -> View[P, R] | Callable[[View[P, R]], View[P, R]]:
    """Let only a paid key with room in its limits pass; `cost` requests are counted. Everybody else gets problem+json.

    What cannot work fails here, not at the first request: raises ValueError for terms without sense, TypeError for `async def`.
    """
    toll = Toll(cost, scope, feature)

    def decorate(inner: View[P, R]) -> View[P, R]:
        if iscoroutinefunction(inner):
            raise TypeError(f"{inner.__name__} is `async def`: gate() guards plain functions")

        @wraps(inner)
        def gated(*args: P.args, **kwargs: P.kwargs) -> R:
            # Looked up once: `request` and `current_app` would each do it again. Flask is held below 3.2, where it has another name.
            context = request_ctx._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            environ, extensions = context.request.environ, context.app.extensions
            decision: Decision = extensions["gate"].decide(RequestHeaders(environ), toll)
            if decision.outcome is not Outcome.ALLOWED:
                decision = extensions["refused_keys"].told(decision, environ)
            environ[COUNTED] = decision.count  # it was counted, whatever becomes of the request
            if decision.outcome is not Outcome.ALLOWED:
                raise Denied(decision, scope=scope)
            g.decision = decision
            return inner(*args, **kwargs)

        return gated

    return decorate if view is None else decorate(view)
