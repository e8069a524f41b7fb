"""Where a middleware has its keys verified: over HTTP by a running Tollgate, or here, on the same database."""

import logging
from dataclasses import asdict

import requests
from sqlalchemy.exc import SQLAlchemyError

from app import refusals
from app.decision import MALFORMED, Toll
from app.doors import heard
from app.doors.answers import Answer, answer_of
from app.doors.middleware import CannotVerify
from app.ending import at_end
from app.gate import Gate
from app.tollgate import Tollgate
from app.usage import Clerk
from providers.http import make_session

LONGEST_KEY = 512  # far more than any of ours: what is longer is not even asked about

log = logging.getLogger(__name__)


class HttpVerifier:
    """Asks `POST /v1/keys/verify` at `base_url`. One per process; safe to share between threads.

    `seconds` bound the wait for an answer; whatever goes wrong, no request passes.
    """

    def __init__(self, base_url: str, service_token: str, *, seconds: float = 2.0) -> None:
        self._url = f"{base_url.rstrip('/')}/v1/keys/verify"
        self._session = make_session(seconds)
        self._session.headers["Authorization"] = f"Bearer {service_token}"

    def verify(self, key: str, toll: Toll) -> Answer:
        """See Verifier."""
        if len(key) > LONGEST_KEY:
            return answer_of(MALFORMED, base=None)
        try:
            response = self._session.post(self._url, json={"key": key, **asdict(toll)})
            if response.status_code == 422:
                return _never(heard.reason_in(response.content))
            response.raise_for_status()
            return heard.answer_in(response.content, response.status_code)
        except (requests.RequestException, ValueError) as error:
            log.error("no key can be verified at %s: %s", self._url, type(error).__name__)  # noqa: TRY400 (a traceback may show the key)
            raise CannotVerify from None


class LocalVerifier:
    """Judges and counts in this process, on the database and counters of `tollgate`. One per process, made after any fork."""

    def __init__(self, tollgate: Tollgate) -> None:
        self._gate = Gate(tollgate)
        self._clerk = Clerk(self._gate.usage)
        self._clerk.start()
        self._ending = at_end(self.close)

    def verify(self, key: str, toll: Toll) -> Answer:
        """See Verifier."""
        try:
            return answer_of(self._gate.decide_key(key, toll), base=self._gate.public_url)
        except SQLAlchemyError as error:
            log.exception("no key can be verified")
            raise CannotVerify from error

    def close(self) -> None:
        """Write down what was used. Happens by itself when the process ends."""
        self._ending.cancel()
        self._clerk.stop()


def _never(detail: str) -> Answer:
    """What is asked can never be granted to this key: a refusal like any other for the client, who did not choose the cost."""
    problem = refusals.document("insufficient_scope", base=None, detail=detail)
    empty = {"key_id": None, "entitlement": None, "owner": None, "plan": None, "ends_at": None, "quota": None}
    lists: Answer = {"scopes": [], "features": [], "limits": []}
    return {"valid": False, "code": "INSUFFICIENT_SCOPE", "problem": problem, **empty, **lists}
