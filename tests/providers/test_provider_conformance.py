"""What every rail owes, whoever it is. A new rail adds one Case."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import BTCPAY_SECRET, BTCPAY_SECRET_OLD, WHSEC, WHSEC_OLD, fixture, from_btcpay, from_stripe, note

from providers import REGISTRY, build
from providers.base import Diagnoses, NotAuthentic, OpensCheckout, Unavailable, Unknown, Unreadable
from providers.events import Notification


@dataclass(frozen=True)
class Case:
    settings: dict[str, Any]
    server: str  # the setting that says where the API is
    signed: Callable[..., Notification]
    old_secret: str
    event: str
    redelivery: str
    unknown: str


CASES = {
    "stripe": Case(
        settings={"secret_key": "sk_test_abc", "webhook_secrets": (WHSEC, WHSEC_OLD)},
        server="api_base",
        signed=from_stripe,
        old_secret=WHSEC_OLD,
        event="stripe/events/session_completed",
        redelivery="stripe/events/session_completed",
        unknown="stripe/events/unknown",
    ),
    "btcpay": Case(
        settings={"api_key": "key", "store_id": "STORE1", "webhook_secrets": (BTCPAY_SECRET, BTCPAY_SECRET_OLD)},
        server="url",
        signed=from_btcpay,
        old_secret=BTCPAY_SECRET_OLD,
        event="btcpay/events/settled",
        redelivery="btcpay/events/settled_again",
        unknown="btcpay/events/unknown",
    ),
}
every_rail = pytest.mark.parametrize("name", sorted(REGISTRY))


def rail(name: str, **changes: Any) -> Any:
    return build(name, **{**CASES[name].settings, CASES[name].server: "http://127.0.0.1:1", **changes})


def genuine(name: str) -> Notification:
    return CASES[name].signed(fixture(CASES[name].event))


def forgeries(name: str) -> list[Notification]:
    """The genuine notification with something wrong in body or header."""
    good = genuine(name)
    [(header, value)] = good.headers.items()
    wrong = [
        "",
        "=",
        value[:-1],
        value[:-2] + "é0",
        value.upper(),
        value + "\udcff",
        "\x00",
        value.replace("=", ""),
        "," * 5000,
    ]
    return [replace(good, headers={}), replace(good, body=good.body + b" "), replace(good, body=b"\xff")] + [
        replace(good, headers={header: text}) for text in wrong
    ]


FORGED = [
    pytest.param(name, forged, id=f"{name}-{index}")
    for name in sorted(CASES)
    for index, forged in enumerate(forgeries(name))
]


def test_every_rail_of_the_registry_stands_this_test():
    assert set(CASES) == set(REGISTRY)


@every_rail
def test_a_rail_goes_by_its_registered_name(name):
    assert rail(name).name == name


@every_rail
def test_a_rail_can_open_checkouts_and_diagnose_itself(name):
    assert isinstance(rail(name), OpensCheckout)
    assert isinstance(rail(name), Diagnoses)


@every_rail
@pytest.mark.parametrize("secrets", [(), ("",), ("  ",), ("good", "")])
def test_a_rail_refuses_to_exist_with_an_empty_webhook_secret(name, secrets):
    with pytest.raises(ValueError, match="secret"):
        rail(name, webhook_secrets=secrets)


@every_rail
def test_a_rail_refuses_to_exist_without_credentials(name):
    credential = {"stripe": "secret_key", "btcpay": "api_key"}[name]
    with pytest.raises(ValueError, match="empty"):
        rail(name, **{credential: " "})


@every_rail
def test_a_genuine_notification_gives_a_hint(name):
    [hint] = rail(name).read(genuine(name))
    assert hint.reference
    assert hint.order == "ord_1"


@every_rail
def test_a_notification_signed_with_the_retiring_secret_is_genuine(name):
    case = CASES[name]
    assert rail(name).read(case.signed(fixture(case.event), secret=case.old_secret))


@pytest.mark.parametrize(("name", "forged"), FORGED)
def test_a_forged_notification_is_not_authentic(name, forged):
    with pytest.raises(NotAuthentic):
        rail(name).read(forged)


@every_rail
def test_another_secret_makes_a_forgery(name):
    with pytest.raises(NotAuthentic):
        rail(name).read(CASES[name].signed(fixture(CASES[name].event), secret="another"))


@every_rail
@given(body=st.binary(), header=st.text())
def test_unsigned_noise_is_not_authentic(name, body, header):
    with pytest.raises(NotAuthentic):
        rail(name).read(note(body, {"stripe-signature": header, "btcpay-sig": header}))


json_noise = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["id", "type", "data", "object", "metadata", "invoiceId"]), inner)
    ),
)


@every_rail
@given(noise=st.dictionaries(st.sampled_from(["id", "type", "data", "invoiceId", "metadata", "storeId"]), json_noise))
def test_signed_noise_never_gives_a_hint_without_a_purchase(name, noise):
    case, event = CASES[name], fixture(CASES[name].event)
    hints = _read_or_nothing(rail(name), case.signed({**event, **noise}))
    assert all(hint.event_id and hint.kind == event["type"] for hint in hints)


def _read_or_nothing(provider: Any, notification: Notification) -> list[Any]:
    try:
        return provider.read(notification)
    except Unreadable:
        return []


@every_rail
@pytest.mark.parametrize("body", ["not json", "[]", '"text"', "17", "null", "[" * 100_000, "", "{}", '{"type": 3}'])
def test_a_signed_body_of_another_shape_is_unreadable(name, body):
    signed = CASES[name].signed(body if name == "stripe" else body.encode())
    with pytest.raises(Unreadable):
        rail(name).read(signed)


@every_rail
def test_an_unknown_event_type_is_no_error(name):
    assert rail(name).read(CASES[name].signed(fixture(CASES[name].unknown))) == []


@every_rail
def test_a_redelivery_keeps_the_event_id(name):
    case = CASES[name]
    first, again = (rail(name).read(case.signed(fixture(path))) for path in (case.event, case.redelivery))
    assert first[0].event_id == again[0].event_id


@every_rail
@pytest.mark.parametrize("reference", ["", ".", "..", "../x", "a/b", "a?b", "é", "a b", "x" * 300])
def test_what_no_id_looks_like_is_unknown_without_asking(name, reference):
    with pytest.raises(Unknown):
        rail(name).snapshot(reference)


@every_rail
def test_a_server_that_is_down_makes_the_rail_unavailable(name, order):
    with pytest.raises(Unavailable) as caught:
        rail(name, **{CASES[name].server: f"http://127.0.0.1:{_closed_port()}"}).open(order)
    assert not caught.value.definite


@every_rail
def test_a_diagnosis_of_a_server_that_is_down_is_an_error_with_a_cure(name):
    found = rail(name, **{CASES[name].server: f"http://127.0.0.1:{_closed_port()}"}).diagnose(genuine(name).received_at)
    assert any(line.level == "error" and line.fix for line in found)


@every_rail
def test_no_secret_shows_in_a_rails_repr(name):
    assert not {text for text in ("sk_test_abc", WHSEC, BTCPAY_SECRET) if text in repr(rail(name))}


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
