"""Cards, through Stripe Checkout. A session is a checkout, an invoice of a subscription a renewal."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from providers import signing
from providers.base import Diagnosis, RefundMade, Refused, SeenPayment, Unavailable, Unknown
from providers.events import CheckoutRequest, Hint, Money, Notification, OpenedCheckout, Price, Snapshot
from providers.http import BUDGET_SECONDS, READ_SECONDS, within
from providers.reading import checked, flag, ident, number, text
from providers.stripe import doctor, listing, refunds, sessions, webhooks
from providers.stripe.api import Api
from providers.stripe.subscriptions import OVER, with_agreement

_EXPANDED = ["line_items", "payment_intent.latest_charge.refunds"]


class Stripe:
    """The card rail. `timeout` bounds each answer, in seconds; any method takes at most about ten."""

    name: str = "stripe"
    account: str | None = None
    livemode: bool | None

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        api_base: str | None = None,
        timeout: float = READ_SECONDS,
    ) -> None:
        if not secret_key.strip():
            raise ValueError("the Stripe secret key is empty")
        self.livemode = _livemode(secret_key)
        self._secret_key = secret_key
        self._webhook_secrets = signing.usable(webhook_secrets)
        self._api = Api(secret_key, api_base, timeout)

    def read(self, note: Notification) -> list[Hint]:
        """See Provider. The only thing believed is which purchase to look at."""
        webhooks.verify(note, self._webhook_secrets)
        return webhooks.reduce(note)

    @within(BUDGET_SECONDS)
    def find(self, hint: Hint) -> Hint:
        """See FindsCheckout: charge → payment intent → invoice → subscription, until one of them carries our order id."""
        if hint.reference or hint.order:
            return hint
        if hint.payment and not hint.agreement:
            hint = self._follow_payment(hint, hint.payment)
        if hint.agreement and not hint.order:
            found = self._api.find(self._api.v1.subscriptions.retrieve, checked(hint.agreement))
            hint = replace(hint, order=webhooks.order_of(found), checkout=webhooks.checkout_of(found))
        return hint

    def _follow_payment(self, hint: Hint, payment: str) -> Hint:
        v1 = self._api.v1
        if payment.startswith(("ch_", "py_")):
            payment = ident(self._api.find(v1.charges.retrieve, checked(payment)), "payment_intent") or ""
        if not payment:
            return hint
        intent = self._api.find(v1.payment_intents.retrieve, checked(payment))
        if order := webhooks.order_of(intent):
            return replace(hint, payment=payment, order=order, checkout=webhooks.checkout_of(intent))
        paid = self._api.pages(v1.invoice_payments.list, payment={"type": "payment_intent", "payment_intent": payment})
        invoice = ident(paid[0], "invoice") if paid else None
        found = self._api.find(v1.invoices.retrieve, invoice) if invoice else {}
        agreement, order, checkout = webhooks.agreement_of(found), webhooks.order_of(found), webhooks.checkout_of(found)
        return replace(hint, payment=payment, agreement=agreement, order=order, checkout=checkout)

    @within(BUDGET_SECONDS)
    def snapshot(self, reference: str) -> Snapshot:
        """See Provider."""
        session = self._api.ask(self._api.v1.checkout.sessions.retrieve, checked(reference), {"expand": _EXPANDED})
        base = sessions.common(self._api, session)
        if base.reference != reference:
            raise Unavailable("Stripe answered another session than asked for")
        grown = with_agreement if session.get("mode") == "subscription" else sessions.with_payment
        return grown(self._api, session, base)

    @within(BUDGET_SECONDS)
    def open(self, request: CheckoutRequest) -> OpenedCheckout:
        """See OpensCheckout. Stripe itself adopts an earlier try: it replays the answer for the same idempotency key."""
        options = {"idempotency_key": f"tollgate-{request.checkout}-{request.attempt}"}
        try:
            session = self._api.ask(self._api.v1.checkout.sessions.create, sessions.parameters(request), options)
        except Unknown as error:  # "No such price"
            raise Refused(str(error)) from error
        return sessions.opened(session, livemode=self.livemode)

    @within(BUDGET_SECONDS)
    def close(self, reference: str) -> None:
        """See OpensCheckout."""
        try:
            self._api.ask(self._api.v1.checkout.sessions.expire, checked(reference))
        except Refused:
            if self._api.ask(self._api.v1.checkout.sessions.retrieve, reference).get("status") == "open":
                raise

    @within(BUDGET_SECONDS)
    def refund(self, payment_reference: str, money: Money, *, idempotency_key: str, retry: bool = False) -> RefundMade:
        """See Refunds."""
        return refunds.refund(self._api, payment_reference, money, idempotency_key=idempotency_key, retry=retry)

    @within(BUDGET_SECONDS)
    def cancel(self, agreement: str) -> None:
        """See CancelsAgreement. Stripe no longer knows one that is over, except where it is asked to show it."""
        v1 = self._api.v1
        try:
            self._api.ask(v1.subscriptions.cancel, checked(agreement))
        except (Refused, Unknown):
            if self._api.ask(v1.subscriptions.retrieve, agreement).get("status") not in OVER:
                raise

    def payments_since(self, since: datetime) -> Iterator[SeenPayment]:
        """See ListsPayments. Each page has a budget of its own."""
        return listing.payments(self._api, since)

    @within(BUDGET_SECONDS)
    def price(self, reference: str) -> Price:
        """See HasPrices."""
        found = self._api.ask(self._api.v1.prices.retrieve, checked(reference))
        amount, currency = number(found, "unit_amount"), text(found, "currency")
        if currency is None:
            raise Unavailable("Stripe answered something that is no price")
        return Price(
            reference=ident(found) or reference,
            money=Money(amount, currency.upper()) if amount is not None else None,
            active=flag(found, "active") is not False,
            interval=text(found, "recurring", "interval"),
            interval_count=number(found, "recurring", "interval_count") or 1,
            livemode=flag(found, "livemode") is True,
        )

    @within(BUDGET_SECONDS)
    def missed(self, since: datetime) -> list[Hint]:
        """See RemembersEvents. Stripe keeps events for thirty days."""
        since_then = {"gte": int(since.timestamp())}
        events = self._api.pages(self._api.v1.events.list, delivery_success=False, created=since_then)
        return [hint for event in reversed(events) for hint in webhooks.hints_of(event)]

    @within(BUDGET_SECONDS)
    def portal(self, payer: str, return_url: str) -> str:
        """See OpensPortal."""
        params = {"customer": checked(payer), "return_url": return_url}
        url = text(self._api.ask(self._api.v1.billing_portal.sessions.create, params), "url")
        if url is None:
            raise Unavailable("Stripe answered a portal session without url")
        return url

    def diagnose(self, now: datetime) -> list[Diagnosis]:
        """See Diagnoses."""
        with within(3 * BUDGET_SECONDS):  # a person waits, and every line helps
            return list(
                doctor.diagnose(self._api, secret_key=self._secret_key, webhook_secrets=self._webhook_secrets, now=now)
            )


def _livemode(secret_key: str) -> bool | None:
    kind, _, rest = secret_key.partition("_")
    return {"test": False, "live": True}.get(rest.partition("_")[0]) if kind in ("sk", "rk") else None
