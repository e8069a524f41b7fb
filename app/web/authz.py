"""/v1/authz: forward-auth for Caddy, Traefik and nginx. The key is the caller's whole credential, as on any gated endpoint."""

from functools import partial

from flask import Response, current_app, jsonify, request
from flask_openapi import APIBlueprint, Tag

from app.doors.authorize import authorizing
from app.logs import request_id
from app.steps import at_once
from app.web.answers import EITHER_KEY, problems
from app.web.parts import gate_of_app

api = APIBlueprint(
    "authz",
    __name__,
    url_prefix="/v1",
    abp_tags=[Tag(name="Gateways")],
    abp_security=EITHER_KEY,
    abp_responses=problems(401, 402, 403),
)


# Flask would answer OPTIONS by itself with 200, which a proxy takes for a pass.
@api.get(
    "/authz",
    operation_id="authorize_request",
    responses={200: {"description": "It may pass"}},
    provide_automatic_options=False,
)
def authz() -> Response:
    """May the request pass whose headers these are? Counts it. `?cost=`, `scope=`, `feature=` are the proxy's own; `mode=nginx` for auth_request"""
    query = request.query_string.decode("latin-1")
    told = partial(current_app.extensions["refused_keys"].told, environ=request.environ)
    reply = at_once(authorizing(gate_of_app(), request.headers, query=query, request_id=request_id(), told=told))
    response = Response() if reply.problem is None else jsonify(reply.problem)
    response.status_code = reply.status
    if reply.problem is not None:
        response.mimetype = "application/problem+json"
    response.headers.update(reply.headers)
    return response


# Some proxies ask with the method of the request itself.
api.add_url_rule(
    "/authz", "authz_any", authz, methods=["POST", "PUT", "PATCH", "DELETE", "OPTIONS"], provide_automatic_options=False
)
