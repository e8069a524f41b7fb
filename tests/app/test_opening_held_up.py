"""Whoever was held up at the provider for longer than the lease must not overwrite what another has opened meanwhile."""

import uuid
from dataclasses import replace

from app.checkout import NewOrder, open_order
from keystore.secret import Secret

UUID = Secret(str(uuid.UUID("8e03978e-40d5-43e8-bc93-6894a57f9324")))


class MakesTwo:
    """A rail without idempotency: asked twice, it opens two."""

    def __init__(self, rail):
        self._rail, self._made = rail, 0

    def __getattr__(self, name):
        return getattr(self._rail, name)

    def open(self, request):
        opened = self._rail.open(request)
        self._made += 1
        return replace(opened, reference=f"{opened.reference}/{self._made}")


def test_the_checkout_that_was_shown_first_stays_the_orders_own(tollgate, btcpay, clock, checkout_rows):
    shop = replace(tollgate, providers={"btcpay": MakesTwo(btcpay)})
    new = NewOrder("pro", "btcpay", idempotency_key=UUID)

    def meanwhile():
        btcpay.on_open = lambda: None
        clock.forward(seconds=31)
        open_order(shop, new)

    btcpay.on_open = meanwhile
    open_order(shop, new)
    assert [row.reference.rpartition("/")[2] for row in checkout_rows()] == ["1"]
