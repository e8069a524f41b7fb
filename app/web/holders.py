"""Endpoints for whoever holds a key, paid or not. They are not counted: a holder over the limit must still be able to act."""

from flask import current_app, g, request
from flask_openapi import APIBlueprint

from app.decision import OF_VERDICT, Decision, Denied, Outcome, stopped
from app.orders import page_of
from app.tollgate import Tollgate
from app.web.answers import EITHER_KEY, problems
from keystore.verdict import KeyRecord, judge

ACCOUNT = "account"

held = APIBlueprint(
    "held", __name__, url_prefix="/v1", abp_security=EITHER_KEY, abp_responses=problems(401, 403, 404, 409)
)


@held.before_request
def identify() -> None:
    """Before anything is validated: who is it. Raises Denied for a missing, unknown or revoked key."""
    g.holder = current_app.extensions["gate"].identify(request.headers)


def holder() -> KeyRecord:
    """The key of this request, whatever its state."""
    record: KeyRecord = g.holder
    return record


def account_holder() -> KeyRecord:
    """The same, with scope `account`: a key for calling an API is not a key to the account. Raises Denied."""
    record = holder()
    if ACCOUNT not in record.scopes:
        lacking = Decision(Outcome.INSUFFICIENT_SCOPE, record, detail=f"This key lacks the scope {ACCOUNT}.")
        raise Denied(lacking, scope=ACCOUNT)
    return record


def working_holder(tollgate: Tollgate) -> KeyRecord:
    """The same, and the key has to work: not pending, ended or suspended. Raises Denied."""
    record = account_holder()
    outcome = OF_VERDICT.get(judge(record, tollgate.clock()))
    if outcome is not None:
        raise Denied(stopped(outcome, record, page_of(tollgate, record.reference)))
    return record
