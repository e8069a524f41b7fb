"""What a token that may only read does not see: whoever has a refund's link or id can claim the money."""

import pytest

from app.ingest import receive
from app.operators import tokens
from providers.base import RefundMade

CLAIM = "PULL7fQ2"


@pytest.fixture
def ask(client, web_tollgate):
    """Call the admin API with a named token of that scope."""

    def _ask(scope, path):
        _, made = tokens.create(web_tollgate, f"ada-{scope}", scope=scope, actor="test")
        return client.get(f"/v1/admin{path}", headers={"Authorization": f"Bearer {made.reveal()}"})

    return _ask


@pytest.fixture
def refunded(web_tollgate, client, admin, btcpay, notify, clock):
    """A bitcoin order whose money waits to be claimed; its id."""
    opened = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"}).json
    reference = btcpay.pay(at=clock())
    receive(web_tollgate, "btcpay", notify(reference, account="Store1"))
    btcpay.refund_answer = RefundMade(CLAIM, "pending", f"https://pay.example/{CLAIM}")
    made = client.post(f"/v1/admin/orders/{opened['id']}/refund", json={}, headers=admin)
    assert made.json["link"] == f"https://pay.example/{CLAIM}"
    receive(web_tollgate, "btcpay", notify(reference, "evt_back", account="Store1", refund=CLAIM))
    return opened["id"]


def test_a_reader_sees_that_money_goes_back_and_not_how_to_claim_it(ask, refunded):
    answer = ask("read", f"/orders/{refunded}")
    assert (answer.json["refunds"][0]["amount"], answer.json["refunds"][0]["link"]) == (1200, None)
    assert CLAIM not in answer.text


def test_a_writer_sees_how_a_refund_is_claimed(ask, refunded):
    assert ask("write", f"/orders/{refunded}").json["refunds"][0]["link"] == f"https://pay.example/{CLAIM}"


@pytest.mark.parametrize("path", ["/receipts", "/parcels", "/audit"])
def test_no_list_tells_a_reader_how_to_claim_it(ask, refunded, path):
    assert CLAIM not in ask("read", path).text
