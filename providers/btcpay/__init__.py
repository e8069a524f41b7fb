"""Bitcoin, through BTCPay Server. An invoice is a checkout and, once settled, its one payment."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from providers import signing
from providers.base import Diagnosis, RefundMade, Refused, SeenPayment, Unavailable, Unknown
from providers.btcpay import doctor, invoices, listing, refunds, webhooks
from providers.btcpay.api import Api
from providers.events import CheckoutRequest, Hint, Money, Notification, OpenedCheckout, RefundFact, Snapshot
from providers.http import BUDGET_SECONDS, READ_SECONDS, within
from providers.reading import is_handle, moment, objects


class BTCPay:
    """The bitcoin rail. `timeout` bounds each answer, in seconds; any method takes at most about ten."""

    name: str = "btcpay"
    account: str | None
    livemode: bool | None = None

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        store_id: str,
        webhook_secrets: tuple[str, ...],
        speed_policy: str = "MediumSpeed",  # one confirmation
        timeout: float = READ_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (url.strip() and api_key.strip() and is_handle(store_id)):
            raise ValueError("BTCPay's URL or API key is empty, or the store id is none")
        self.account = store_id
        self._webhook_secrets = signing.usable(webhook_secrets)
        self._speed_policy = speed_policy
        self._clock = clock
        self._api = Api(url, api_key, store_id, timeout)

    def read(self, note: Notification) -> list[Hint]:
        """See Provider. The body is believed for the invoice's id only: amount and status are not even in it."""
        webhooks.verify(note, self._webhook_secrets)
        return webhooks.reduce(note)

    @within(BUDGET_SECONDS)
    def snapshot(self, reference: str) -> Snapshot:
        """See Provider."""
        invoice = self._invoice(reference)
        if invoices.counts(invoice) is None:
            return invoices.snapshot(invoice)
        methods = self._methods(invoice)
        paid_at = invoices.covered_at(methods, moment(invoice, "createdTime"))
        return invoices.snapshot(invoice, paid_at=paid_at, sats=invoices.sats_received(methods))

    def _invoice(self, reference: str) -> dict[str, Any]:
        invoice = self._api.get(self._api.invoice(reference))
        if not isinstance(invoice, dict) or invoice.get("id") != reference:
            raise Unavailable("BTCPay answered something else than the invoice asked for")
        return invoice

    def _methods(self, invoice: dict[str, Any]) -> Any:
        """Its payments by method. What is read of them must not change: a server that cannot tell now is Unavailable."""
        try:
            return self._api.get(self._api.invoice(invoice["id"]) + "/payment-methods")
        except (Unknown, Refused):
            return []

    @within(BUDGET_SECONDS)
    def open(self, request: CheckoutRequest) -> OpenedCheckout:
        """See OpensCheckout. BTCPay has no idempotency: before a second try we look for what the first one made."""
        if request.retry and (made := self._made_before(request)):
            return invoices.opened(made)
        body = invoices.body(request, speed_policy=self._speed_policy, now=self._clock())
        try:
            return invoices.opened(self._api.post(self._api.invoices, body))
        except Unknown as error:
            raise Refused(f"no such store, or not for this key: {error}") from error

    def _made_before(self, request: CheckoutRequest) -> dict[str, Any] | None:
        listed = {"invoices": self._api.get(f"{self._api.invoices}?orderId={request.order}")}
        return next((invoice for invoice in objects(listed, "invoices") if invoices.made_for(invoice, request)), None)

    @within(BUDGET_SECONDS)
    def close(self, reference: str) -> None:
        """See OpensCheckout. Refused when part of it is paid, or when the key may not modify invoices."""
        invoice = self._invoice(reference)
        if invoice.get("status") != "New":
            return
        if invoices.paid_something(invoice):
            raise Refused("the invoice is paid in part")
        self._api.post(self._api.invoice(reference) + "/status", {"status": "Invalid"})

    @within(BUDGET_SECONDS)
    def refund(self, payment_reference: str, money: Money, *, idempotency_key: str, retry: bool = False) -> RefundMade:
        """See Refunds."""
        return refunds.refund(self._api, payment_reference, money, idempotency_key=idempotency_key, retry=retry)

    @within(BUDGET_SECONDS)
    def show_refund(self, payment_reference: str, refund: str) -> RefundFact:
        """See ShowsRefund."""
        return refunds.shown(self._api, payment_reference, refund)

    def payments_since(self, since: datetime) -> Iterator[SeenPayment]:
        """See ListsPayments. Each page has a budget of its own."""
        return listing.payments(self._api, since)

    @within(BUDGET_SECONDS)
    def sats(self, money: Money) -> int | None:
        """See ConvertsMoney."""
        return invoices.in_sats(money, self._api.get(f"{self._api.rates}?currencyPair=BTC_{money.currency}"))

    def diagnose(self, now: datetime) -> list[Diagnosis]:
        """See Diagnoses."""
        with within(2 * BUDGET_SECONDS):
            return list(doctor.diagnose(self._api, now))
