"""The sandbox's own JSON API, for tests and for the demo's story. See the README beside this file."""

from flask import Blueprint, Response, jsonify, request

from sandbox import btcpay_actions, stripe_actions
from sandbox.api_faults import ApiFault
from sandbox.btcpay_life import Invoice
from sandbox.btcpay_objects import Refusal, open_invoice, shown
from sandbox.delivery import Fault, Weather
from sandbox.state import Json, NotNow, World, hold_lock, world

control = Blueprint("control", __name__, url_prefix="/sandbox")
patient = Blueprint("patient", __name__, url_prefix="/sandbox")  # waits, so it must not hold the lock
hold_lock(control)


@control.errorhandler(NotNow)
def not_now(error: NotNow) -> tuple[Response, int]:
    """The state does not allow it."""
    return jsonify(error=str(error)), 409


@control.errorhandler(ValueError)
@control.errorhandler(Refusal)
def not_understood(error: Exception) -> tuple[Response, int]:
    """A value that makes no sense."""
    return jsonify(error=str(error)), 400


@control.errorhandler(LookupError)
def not_found(error: LookupError) -> tuple[Response, int]:
    """No such session, invoice or delivery."""
    return jsonify(error=f"not found: {error}"), 404


def _body() -> Json:
    given = request.get_json(silent=True)
    return given if isinstance(given, dict) else {}


def session_state(here: World, session: Json) -> Json:
    """A session, what grew out of it, and what can be done to it now."""
    return {
        "session": session,
        "subscription": here.objects.get(session["subscription"] or ""),
        "payment_intent": here.objects.get(session["payment_intent"] or ""),
        "actions": list(stripe_actions.available(here, session)),
    }


def invoice_state(invoice: Invoice) -> Json:
    """An invoice, its payments, and what can be done to it now."""
    payments = [payment.as_json() for payment in invoice.payments]
    return {"invoice": shown(invoice), "payments": payments, "actions": list(btcpay_actions.available(invoice))}


@control.get("/stripe/sessions")
def sessions() -> Response:
    """All of them, newest first."""
    return jsonify(data=[session_state(world(), session) for session in world().of("checkout.session")])


@control.get("/stripe/sessions/<name>")
def session(name: str) -> Response:
    """One session's state."""
    return jsonify(session_state(world(), world().objects[name]))


@control.post("/stripe/sessions/<name>/<action>")
def act_on_session(name: str, action: str) -> Response:
    """Do it; parameters in the JSON body."""
    found = world().objects[name]
    stripe_actions.perform(world(), found, action, _body())
    return jsonify(session_state(world(), found))


@control.get("/btcpay/invoices")
def invoices() -> Response:
    """All of them, newest first."""
    return jsonify(data=[invoice_state(invoice) for invoice in reversed(world().invoices.values())])


@control.post("/btcpay/invoices")
def strangers_invoice() -> Response:
    """Make an invoice that the gateway did not ask for; `storeId` may name another store."""
    body = _body()
    store = str(body.get("storeId") or world().config.btcpay_store)
    return jsonify(invoice_state(open_invoice(world(), body, store)))


@control.get("/btcpay/invoices/<name>")
def invoice(name: str) -> Response:
    """One invoice's state."""
    return jsonify(invoice_state(world().invoices[name]))


@control.post("/btcpay/invoices/<name>/<action>")
def act_on_invoice(name: str, action: str) -> Response:
    """Do it; parameters in the JSON body."""
    found = world().invoices[name]
    btcpay_actions.perform(world(), found, action, _body())
    return jsonify(invoice_state(found))


@control.get("/faults")
def faults() -> Response:
    """What goes wrong at present."""
    weather = {rail: {"fault": now.fault, "delay": now.delay} for rail, now in world().postman.weather.items()}
    return jsonify(webhooks=weather, api=world().api_faults)


@control.post("/faults")
def set_faults() -> Response:
    """`fault`, `delay` (webhooks) and `api`, for one `rail` or for both. Raises ValueError for an unknown one."""
    set_weather(world(), _body())
    return faults()


def set_weather(here: World, asked: Json) -> None:
    """Change what is named, on the named rail or on both. Raises ValueError."""
    for rail in [asked["rail"]] if asked.get("rail") else list(here.postman.weather):
        before = here.postman.weather[rail]
        fault, delay = asked.get("fault") or before.fault, asked.get("delay") or before.delay
        here.postman.weather[rail] = Weather(Fault(fault), float(delay))
        here.api_faults[rail] = ApiFault(asked.get("api") or here.api_faults.get(rail, ApiFault.NORMAL))


@control.post("/clock")
def clock() -> Response:
    """Move the sandbox's clock `forward` by seconds: sessions and invoices expire."""
    world().ahead += int(_body().get("forward", 0))
    stripe_actions.tick(world())
    btcpay_actions.tick(world())
    return jsonify(now=world().now())


@control.post("/webhooks")
def webhooks() -> Response:
    """Send webhooks to another `url` from now on; null sends none."""
    world().postman.webhooks = _body().get("url")
    return jsonify(url=world().postman.webhooks)


@control.get("/deliveries")
def deliveries() -> Response:
    """Everything that was or will be posted, oldest first."""
    return jsonify(data=[delivery.as_json() for delivery in world().postman.deliveries])


@control.post("/deliveries/<int:number>/redeliver")
def redeliver(number: int) -> Response:
    """Send it once more, without any fault."""
    return jsonify(world().postman.redeliver(number).as_json())


@patient.post("/drain")
def drain() -> tuple[Response, int]:
    """Wait until every webhook was delivered or given up, `seconds` (10) at most."""
    done = world().postman.drain(float(request.args.get("seconds", 10)))
    return jsonify(drained=done), 200 if done else 504
