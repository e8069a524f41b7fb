"""Looking Stripe's objects up: by id, in pages, with expansions."""

import copy
import operator
from collections.abc import Iterable
from typing import Any

from sandbox import stripe_objects as objects
from sandbox.state import Json, World
from sandbox.stripe_rules import Refusal, whole

BOUNDS = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}
PAGING = ("limit", "starting_after", "ending_before", "expand", "created")


def retrieve(here: World, kind: str, name: str) -> Json:
    """The stored object, or Stripe's 404."""
    found = here.objects.get(name)
    if found is None or found["object"] != kind:
        message = f"No such {kind}: '{name}'"
        raise Refusal(message, status=404, code="resource_missing", param="id")
    return found


def page(here: World, things: list[Json], params: Json, *, url: str, allowed: Iterable[str]) -> Json:
    """One page of a list (newest first), filtered and expanded as asked."""
    for name in params:
        if name not in (*PAGING, *allowed):
            raise Refusal(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
    kept = [thing for thing in things if _wanted(thing, params)]
    limit = whole(params.get("limit", 10), "limit")
    if not 1 <= limit <= 100:
        raise Refusal("This value must be between 1 and 100.", param="limit")
    after = _position(kept, params.get("starting_after"), "starting_after")
    window = kept[after + 1 :] if after is not None else kept
    before = _position(window, params.get("ending_before"), "ending_before")
    window = window[max(0, before - limit) : before] if before is not None else window
    listed = objects.listing(window[:limit], url, has_more=len(window) > limit)
    return expand(here, listed, params.get("expand"))


def _position(things: list[Json], name: str | None, param: str) -> int | None:
    if name is None:
        return None
    for index, thing in enumerate(things):
        if thing["id"] == name:
            return index
    raise Refusal(f"No such object: '{name}'", param=param, code="resource_missing")


def _wanted(thing: Json, params: Json) -> bool:
    asked = {name: value for name, value in params.items() if name not in PAGING}
    created = params.get("created")
    bounds = created.items() if isinstance(created, dict) else ()
    in_time = all(BOUNDS[how](thing["created"], whole(bound, "created")) for how, bound in bounds)
    return in_time and all(_matches(thing, name, value) for name, value in asked.items())


def _matches(thing: Json, name: str, asked: Any) -> bool:
    value: Any
    match thing["object"], name:
        case _, "delivery_success":
            return True  # deliveries are listed on a page of their own
        case _, "types" | "lookup_keys":
            return thing[name.removesuffix("s")] in asked
        case "invoice", "subscription":
            value = thing["parent"]["subscription_details"]["subscription"]
        case "invoice_payment", "payment":
            value, asked = thing["payment"]["payment_intent"], asked.get("payment_intent")
        case _, "active":
            value = str(thing["active"]).lower()
        case _:
            value = thing.get(name)
    return bool(value == asked)


def expand(here: World, thing: Json, paths: Any) -> Json:
    """A copy with the asked references replaced by the objects they name, and asked-for hidden lists shown."""
    if paths is None:
        return thing
    shown = copy.deepcopy(thing)
    for path in paths if isinstance(paths, list) else [paths]:
        if path.count(".") > 3:
            raise Refusal("You cannot expand more than 4 levels of a property.", param="expand")
        _open_up(here, shown, path.split("."), path)
    return shown


def _open_up(here: World, thing: Any, parts: list[str], path: str) -> None:
    if isinstance(thing, list):
        for item in thing:
            _open_up(here, item, parts, path)
        return
    if thing is None or not parts:
        return
    name = parts[0]
    if name not in thing:
        thing[name] = copy.deepcopy(_hidden(here, thing, name, path))
    elif isinstance(thing[name], str):
        if thing[name] not in here.objects:
            raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
        thing[name] = copy.deepcopy(here.objects[thing[name]])
    _open_up(here, thing[name], parts[1:], path)


def _hidden(here: World, thing: Json, name: str, path: str) -> Json:
    """The lists that an object has but shows only when asked."""
    match thing.get("object"), name:
        case "checkout.session", "line_items":
            found = here.lines[thing["id"]]
        case "invoice", "payments":
            found = here.of("invoice_payment", invoice=thing["id"])
        case "charge", "refunds":
            found = here.of("refund", charge=thing["id"])
        case _:
            raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    return objects.listing(found, f"/v1/{thing['object']}s/{thing['id']}/{name}")
