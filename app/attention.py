"""Flags on an order for an operator to look at. Each is raised once: applying the same facts again changes nothing."""

from app.models import Order


def raise_flag(order: Order, code: str, subject: str, detail: str) -> bool:
    """Flag `order` because of `subject` (a checkout or payment id). True when this is new."""
    key = f"{code}:{subject}"
    if key in order.flags:
        return False
    order.flags = {**order.flags, key: {"detail": detail, "open": True}}
    order.attention = order.attention or code
    return True


def resolve_codes(order: Order, *codes: str) -> tuple[str, ...]:
    """Close every open flag of these codes; the codes that were closed."""
    return _close(order, [key for key in _open(order) if _code(key) in codes])


def resolve_about(order: Order, *subjects: str) -> tuple[str, ...]:
    """Close every open flag raised because of these checkouts or payments; the codes that were closed."""
    return _close(order, [key for key in _open(order) if key.split(":", 1)[1] in subjects])


def open_codes(order: Order) -> tuple[str, ...]:
    """The codes of the open flags."""
    return tuple(dict.fromkeys(map(_code, _open(order))))


def _close(order: Order, keys: list[str]) -> tuple[str, ...]:
    order.flags = {**order.flags, **{key: {**order.flags[key], "open": False} for key in keys}}
    order.attention = next(map(_code, _open(order)), None)
    return tuple(dict.fromkeys(map(_code, keys)))


def _open(order: Order) -> list[str]:
    return [key for key, flag in order.flags.items() if flag["open"]]


def details(order: Order) -> list[str]:
    """The sentences of the open flags."""
    return [flag["detail"] for flag in order.flags.values() if flag["open"]]


def _code(key: str) -> str:
    return key.split(":", 1)[0]
