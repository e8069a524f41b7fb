"""What goes wrong with the imitated APIs themselves, as the gateway's client sees it."""

import time
from enum import StrEnum

from flask import Flask, Response, g, request

from sandbox.delivery import BTCPAY, STRIPE
from sandbox.state import world


class ApiFault(StrEnum):
    """Set for each rail by `POST /sandbox/faults`."""

    NORMAL = "normal"
    DOWN = "down"  # 503, and nothing happens
    SLOW = "slow"  # answers only after the webhook `delay`
    GARBAGE = "garbage"  # 200 and a page of HTML
    LOST_ANSWER = "lost_answer"  # does what is asked, then answers 500


def install(app: Flask) -> None:
    """Stand between the clients and the APIs."""
    app.before_request(_before)
    app.after_request(_after)


def _fault() -> tuple[str, str]:
    for rail, prefix in ((STRIPE, "/stripe/v1/"), (BTCPAY, "/btcpay/api/")):
        if request.path.startswith(prefix):
            return rail, world().api_faults.get(rail, ApiFault.NORMAL)
    return "", ApiFault.NORMAL


def _before() -> Response | None:
    rail, g.api_fault = _fault()
    match g.api_fault:
        case ApiFault.DOWN:
            return Response(
                '{"error":{"type":"api_error","message":"down for a while"}}', 503, mimetype="application/json"
            )
        case ApiFault.GARBAGE:
            return Response("<html><body>It works!</body></html>", 200, mimetype="text/html")
        case ApiFault.SLOW:
            time.sleep(world().postman.weather[rail].delay)
    return None


def _after(response: Response) -> Response:
    if g.get("api_fault") == ApiFault.LOST_ANSWER:
        return Response('{"error":{"type":"api_error","message":"lost"}}', 500, mimetype="application/json")
    return response
