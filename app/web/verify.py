"""/v1/keys/verify: for services that let Tollgate judge keys and do the rest themselves, behind SERVICE_TOKENS."""

from flask import Response, current_app, jsonify, request
from flask_openapi import APIBlueprint, Tag
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.decision import Decision, Denied, Outcome
from app.doors.answers import VerifyOut, answer_of
from app.doors.verify import Question, Services, check_it_fits, parts_of
from app.logs import request_id
from app.web.answers import SERVICE, problems
from app.web.parts import gate_of_app, tollgate
from app.web.refused import DETAIL
from app.web.shell import COUNTED

api = APIBlueprint(
    "verify",
    __name__,
    url_prefix="/v1",
    abp_tags=[Tag(name="Gateways")],
    abp_security=SERVICE,
    abp_responses=problems(401, 403),
)


@api.before_request
def admit_service() -> None:
    """Before the body is looked at."""
    refusal = Services(tollgate().settings.service_tokens).refusal(request.headers.get("Authorization"))
    count = current_app.extensions["refused_keys"].too_many(request.environ) if refusal else None
    if count:
        request.environ[COUNTED] = count
        raise Denied(Decision(Outcome.RATE_LIMITED, count=count, detail=DETAIL))
    if refusal == "unauthorized":
        raise Unauthorized(
            "Send a service token as Authorization: Bearer.",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "service"}),
        )
    if refusal:
        raise Forbidden("The service token is wrong, or SERVICE_TOKENS is not set.")


@api.post("/keys/verify", operation_id="verify_key", responses={200: VerifyOut})
def verify_key(body: Question) -> Response:
    """May this key do that now? Counts like the request it stands for"""
    gate = gate_of_app()
    key, toll = parts_of(body)
    decision = gate.decide_key(key, toll)
    check_it_fits(toll, decision)
    return jsonify(answer_of(decision, base=gate.public_url, request_id=request_id()))
