"""What may be wrong with the settings, found by asking BTCPay."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from providers import clock
from providers.base import Diagnosis, ProviderError, Refused
from providers.btcpay.api import Api
from providers.reading import dig

_STORE: Final = "btcpay.store."
NEEDED: Final = {"cancreateinvoice": "create invoices", "canviewinvoices": "see whether they are paid"}
# A refund that was tried before is looked for by canviewpullpayments, which the right to make one includes.
OPTIONAL: Final = {
    "canmodifyinvoices": "closing an unpaid checkout",
    "cancreatenonapprovedpullpayments": "refunds",
    "canviewstoresettings": "telling the price in sats before a renewal",
}
IMPLIES: Final = {
    "canmodifyinvoices": {"cancreateinvoice", "canviewinvoices"},
    "cancreatepullpayments": {"cancreatenonapprovedpullpayments"},
    "canmanagepullpayments": {"cancreatenonapprovedpullpayments"},
    "canviewstoresettings": {"canviewinvoices"},
    "canmodifystoresettings": {*NEEDED, *OPTIONAL},
}
TOO_MUCH: Final = frozenset({"unrestricted", "btcpay.store.canmodifystoresettings"})


def diagnose(api: Api, now: datetime) -> Iterator[Diagnosis]:
    """Key, rights, store and clock, a line each. Never raises."""
    dates: list[str | None] = []  # of refusals too
    hooks = {"response": lambda response, **_: dates.append(response.headers.get("Date"))}
    try:
        answer = api.get("/api-keys/current", hooks=hooks)
    except ProviderError as error:
        yield _said(error)
    else:
        yield Diagnosis("btcpay credentials", "ok", "accepted")
        yield from _rights(api, dig(answer, "permissions"))
        yield from _store(api)
    fix = "run NTP on both machines: paid time begins by BTCPay's clock and ends by this one's"
    for date in dates:
        yield from clock.compare(date, now, whose="BTCPay's", level="warning", fix=fix)


def _said(error: ProviderError) -> Diagnosis:
    if isinstance(error, Refused):
        fix = "make one in BTCPay under Account, API keys"
        return Diagnosis("btcpay credentials", "error", "the API key is not accepted", fix)
    return Diagnosis("btcpay reachable", "error", str(error), "check BTCPAY_URL, the network, a proxy")


def _rights(api: Api, permissions: Any) -> Iterator[Diagnosis]:
    listed = [right for right in permissions if isinstance(right, str)] if isinstance(permissions, list) else []
    held = _held(listed, api.store_id)
    for right, use in NEEDED.items():
        if right not in held:
            yield Diagnosis(
                "btcpay rights",
                "error",
                f"{_STORE}{right} is missing",
                f"give it to the key: without it we cannot {use}",
            )
    for right, loss in OPTIONAL.items():
        if right not in held:
            yield Diagnosis(
                "btcpay rights",
                "warning",
                f"no {_STORE}{right}: {loss} will not work",
                "give it to the key if you want that",
            )
    if TOO_MUCH & {right.partition(":")[0] for right in listed}:
        yield Diagnosis(
            "btcpay rights",
            "warning",
            "the key may do far more than Tollgate needs",
            "make a narrower key for this store",
        )
    if set(NEEDED) <= held:
        yield Diagnosis("btcpay rights", "ok", "can create and view invoices")


def _held(permissions: list[str], store_id: str) -> set[str]:
    """Short names of what the key may do in our store; a right without a store holds for all stores."""
    held: set[str] = set()
    for permission in permissions:
        right, _, store = permission.partition(":")
        if right == "unrestricted":
            return {*NEEDED, *OPTIONAL}
        if right.startswith(_STORE) and store in ("", store_id):
            name = right.removeprefix(_STORE)
            held |= {name} | IMPLIES.get(name, set())
    return held


def _store(api: Api) -> Iterator[Diagnosis]:
    try:
        api.get(f"{api.invoices}?take=1")
    except ProviderError as error:
        yield Diagnosis(
            "btcpay store", "error", str(error), "check BTCPAY_STORE_ID and the stores the key is limited to"
        )
    else:
        yield Diagnosis("btcpay store", "ok", "its invoices can be read")
