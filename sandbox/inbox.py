"""What the gateway tells people and programs: letters handed to our mail server, messages posted to our own receiver."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, render_template, request
from werkzeug.exceptions import NotFound

from sandbox.post_office import Letter
from sandbox.state import Json, hold_lock, world

# No script, nothing from elsewhere; links open in a window of their own.
STRICT = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'"
LONGEST = 1_000_000

inbox = Blueprint("inbox", __name__, template_folder="templates")
hold_lock(inbox)


@dataclass(frozen=True, slots=True)
class Message:
    """An outgoing webhook that was posted to us."""

    id: str
    event: str
    at: datetime
    body: str


@inbox.get("/inbox")
def show() -> str:
    """Letters and messages, newest first."""
    letters = list(enumerate(world().letters))
    return render_template("inbox.html", letters=letters[::-1], messages=world().messages[::-1])


@inbox.get("/inbox/<int:number>")
def letter(number: int) -> str:
    """One letter, as text and as HTML."""
    return render_template("letter.html", letter=_letter(number), number=number)


@inbox.get("/inbox/<int:number>/html")
def letter_html(number: int) -> Response:
    """Its HTML alone, for a frame that may do nothing."""
    page = Response(f'<base target="_blank">{_letter(number).body("html")}', mimetype="text/html")
    page.headers["Content-Security-Policy"] = STRICT
    return page


@inbox.post("/inbox/messages")
def receive() -> Response:
    """The receiver of the gateway's own webhooks: whatever comes is kept, and shown as it came."""
    body = request.get_data(as_text=True)[:LONGEST]
    moment = datetime.fromtimestamp(world().now(), UTC)
    world().messages.append(Message(request.headers.get("webhook-id", ""), _event(body), moment, body))
    return Response(status=204)


@inbox.get("/sandbox/letters")
def letters() -> Response:
    """All of them as JSON, oldest first."""
    return jsonify(data=[_as_json(each) for each in world().letters])


@inbox.get("/sandbox/messages")
def messages() -> Response:
    """All of them as JSON, oldest first."""
    return jsonify(data=[{"id": each.id, "event": each.event, "body": each.body} for each in world().messages])


def _letter(number: int) -> Letter:
    if number >= len(world().letters):
        raise NotFound
    return world().letters[number]


def _as_json(each: Letter) -> Json:
    return {"to": each.to, "subject": each.header("Subject"), "text": each.body("plain"), "html": each.body("html")}


def _event(body: str) -> str:
    """What it says it is about; empty for what is not of our kind."""
    try:
        return str(json.loads(body)["type"])
    except (ValueError, KeyError, TypeError):
        return ""
