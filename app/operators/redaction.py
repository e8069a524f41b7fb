"""Stored texts without what people wrote about themselves, and without what is as good as money: to mend a payment needs neither. PURE."""

import json
import re
from typing import Any

_EMAIL = re.compile(r"[^\s@\"'<>,;:=]+@[^\s@\"'<>,;]+\.[A-Za-z]{2,63}")
_PERSONAL = frozenset({
    "name", "buyername", "phone", "buyerphone", "address", "buyeraddress1", "buyeraddress2", "buyercity", "buyerzip", "line1", "line2",
    "postal_code", "city", "ip", "ip_address", "customer_name", "customer_phone", "customer_address", "individual_name", "business_name",
})  # fmt: skip
_MONEY = frozenset({"pullpaymentid"})  # whoever knows it can claim a bitcoin refund
HIDDEN = "[hidden]"


def without_people(text: str) -> str:
    """A stored notification without names, addresses, e-mails and ids by which money can be claimed; text that is no JSON loses its e-mails."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _EMAIL.sub(HIDDEN, text)
    return json.dumps(_hide(value), ensure_ascii=False, indent=2)


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: HIDDEN if item and key.lower() in _PERSONAL | _MONEY else _hide(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return _EMAIL.sub(HIDDEN, value) if isinstance(value, str) else value
