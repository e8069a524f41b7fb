"""Bytes -> receipt -> sync. Once the receipt is committed nothing is lost, so the sender gets its 2xx whatever comes after."""

import logging
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import failpoints, receipts, sync
from app.models import Checkout, Receipt
from app.patience import ImpatientError
from app.problems import NotStored, UnknownProvider
from app.receipts import Leased
from app.tollgate import Tollgate
from providers.base import FindsCheckout, Provider, ProviderError
from providers.events import Hint, Notification

log = logging.getLogger(__name__)

INLINE_SECONDS = 4.0  # Stripe holds the buyer's redirect up to 10 s for our answer; what takes longer goes on behind it


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a notification so far: applied | due | ignored | parked | duplicate."""

    state: str


def receive(tollgate: Tollgate, provider_name: str, note: Notification, *, seconds: float = INLINE_SECONDS) -> Received:
    """Verify, reduce, store, try for so many `seconds`. Raises UnknownProvider, NotAuthentic, Unreadable, NotStored."""
    provider = tollgate.providers.get(provider_name)
    if provider is None:
        raise UnknownProvider(provider_name)
    hints = provider.read(note)
    failpoints.reach("after_mac")
    states = [_keep(tollgate, provider, hint, note, seconds=seconds) for hint in hints]
    failpoints.reach("before_reply")
    return Received(states[0] if states else "ignored")


def _keep(tollgate: Tollgate, provider: Provider, hint: Hint, note: Notification, *, seconds: float) -> str:
    try:
        receipt_id, before = receipts.store(tollgate, provider.name, hint, note)
    except SQLAlchemyError as error:
        raise NotStored(provider.name) from error
    failpoints.reach("after_receipt")
    if before in ("applied", "ignored"):
        return "duplicate"
    try:
        return tollgate.patience.run(provider.name, process, tollgate, receipt_id, seconds=seconds)
    except ImpatientError:
        return "due"
    except Exception:
        log.exception("receipt %s stays due", receipt_id)
        return "due"


def process(tollgate: Tollgate, receipt_id: str, *, token: str | None = None) -> str:
    """Bring one receipt's purchase up to date. Gives its state afterwards; provider trouble leaves it due."""
    leased = receipts.lease(tollgate, receipt_id, token=token)
    if leased is None:
        return _state(tollgate, receipt_id)
    try:
        _work(tollgate, leased)
    except ProviderError as error:
        log.warning("receipt %s of %s stays due: %s", leased.id, leased.provider, error)
        receipts.postpone(tollgate, leased, f"{type(error).__name__}: {error}")
    except Exception as error:
        receipts.postpone(tollgate, leased, f"{type(error).__name__}: {error}")
        raise
    return _state(tollgate, receipt_id)


def _work(tollgate: Tollgate, leased: Leased) -> None:
    provider = tollgate.providers.get(leased.provider)
    if provider is None:
        receipts.postpone(tollgate, leased, "this rail is not configured")
        return
    foreign = _foreign(provider, leased.hint)
    if foreign:
        receipts.ignore(tollgate, leased, foreign)
        return
    checkout_id = _locate(tollgate, provider, leased.hint)
    if checkout_id is None:
        receipts.park(tollgate, leased)
        return
    sync.checkout(tollgate, checkout_id, leased=leased)


def _foreign(provider: Provider, hint: Hint) -> str | None:
    """Events of another account, or of test mode in a live shop, are authentic and still not ours."""
    if hint.account is not None and hint.account != provider.account:
        return f"of another account: {hint.account}"
    if None not in (hint.livemode, provider.livemode) and hint.livemode != provider.livemode:
        return "of the other mode (test or live)"
    return None


def _locate(tollgate: Tollgate, provider: Provider, hint: Hint) -> str | None:
    """The checkout a hint means. One that names a session or invoice means that one or none: whatever metadata claims."""
    with tollgate.db.read() as session:
        found = _match(session, provider.name, hint)
    if found or hint.reference or not isinstance(provider, FindsCheckout):
        return found
    hint = provider.find(hint)
    with tollgate.db.read() as session:
        return _match(session, provider.name, hint)


def _match(session: Session, provider: str, hint: Hint) -> str | None:
    ours = select(Checkout.id).where(Checkout.provider == provider)
    if hint.reference:
        return session.scalar(ours.where(Checkout.reference == hint.reference))
    if hint.agreement:
        found = session.scalar(ours.where(Checkout.agreement == hint.agreement))
        if found:
            return found
    if hint.checkout:
        return session.scalar(ours.where(Checkout.id == hint.checkout, Checkout.reference.is_not(None)))
    if hint.order:
        opened = ours.where(Checkout.order_id == hint.order, Checkout.reference.is_not(None))
        return session.scalar(opened.order_by(Checkout.created_at.desc()).limit(1))
    return None


def _state(tollgate: Tollgate, receipt_id: str) -> str:
    with tollgate.db.read() as session:
        return session.get_one(Receipt, receipt_id).state
