"""A lost key: a mailed link gives a new one, once. Asking changes nothing; what becomes of the old key the holder decides.

The request only leaves a parcel, so it takes the same time for an address that nobody knows. The link's token is worked
out when the letter is sent; the database has its hash.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app import audit, links, news, outbox
from app.books import keystore
from app.freshness import publish
from app.mail import letters
from app.models import Customer, Order, Recovery, fold
from app.orders import order_url
from app.problems import LinkSpent
from app.tollgate import Tollgate
from app.views import NewKey
from keystore.changes import Change
from keystore.ids import new_id
from keystore.models import Entitlement
from keystore.reissue import Reissued, end_replaced, replaced_by
from keystore.reissue import reissue as reissue_key
from keystore.secret import Secret, derive_seed

log = logging.getLogger(__name__)

LIFETIME = timedelta(hours=2)
REPEATABLE = timedelta(minutes=10)  # a cut connection must not cost the key
GRACE_SECONDS = 24 * 3600
MOST_LINKS = 5  # in one letter


@dataclass(frozen=True, slots=True)
class Recovered:
    """A new key, shown this once. `previous`: keys it replaced, with the moment each ends."""

    key_id: str
    api_key: Secret
    entitlement: str
    plan: str
    order: str | None
    order_url: str | None
    previous: tuple[tuple[str, datetime], ...]


def ask(tollgate: Tollgate, email: str, *, locale: str | None = None) -> None:
    """Somebody lost a key. The same small piece of work for every address, and none where no mail is sent."""
    if tollgate.settings.smtp_url is None:
        log.warning("somebody lost a key, and SMTP_URL is not set")
        return
    request = new_id("rcv", 12)
    payload = {"request": request, "email": email, "locale": locale}
    with tollgate.db.write() as session:
        outbox.add(session, "recover", f"recover:{request}", payload, now=tollgate.clock())


def prepare(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    """Carrier of parcels of kind `recover`: commit the links' hashes and a letter to each address that is on the books."""
    now = tollgate.clock()
    if tollgate.settings.smtp_url is None:
        raise outbox.Undeliverable("SMTP_URL is not set any more")
    with tollgate.db.read() as session:
        known = _held_by(session, payload["email"])
    with tollgate.db.write() as session:
        held: dict[str, list[Recovery]] = defaultdict(list)
        locales: dict[str, str | None] = {}
        for entitlement_id, address, locale in known:
            held[address].append(_link(session, tollgate, entitlement_id, payload["request"], now=now))
            locales.setdefault(address, payload["locale"] or locale)
        for address, rows in held.items():
            facts = {"recoveries": [row.id for row in rows]}
            subject = f"{payload['request']}:{rows[0].id}"
            letters.write(session, tollgate, "recovery", subject, facts, to=address, locale=locales[address], now=now)


def claim(tollgate: Tollgate, token: Secret, *, grace_seconds: int) -> Recovered:
    """The new key. For ten minutes, and until its first use, the same token gives it again. Raises LinkSpent.

    `grace_seconds`: how long the old keys work on; 0 ends them now, also when a repeated claim says so.
    """
    now = tollgate.clock()
    with tollgate.db.write() as session:
        found = session.scalar(select(Recovery).where(Recovery.token_hash == links.token_hash(token)))
        if found is None:
            raise LinkSpent
        entitlement = keystore(session, tollgate).lock(found.entitlement_id)
        row = session.get_one(Recovery, found.id, with_for_update=True, populate_existing=True)
        if row.claimed_at is None:
            secret, changed = _first(session, tollgate, row, entitlement, token, grace_seconds=grace_seconds, now=now)
        else:
            secret, changed = _again(session, tollgate, row, token, grace_seconds=grace_seconds, now=now)
        recovered = _recovered(session, tollgate, row.key_id or "", secret, entitlement)
    publish(tollgate, changed)
    return recovered


def reissue(tollgate: Tollgate, entitlement_id: str, *, actor: str, grace_seconds: int = GRACE_SECONDS) -> NewKey:
    """An operator's new key for somebody who cannot be mailed. Raises UnknownEntitlement."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        done = _reissue(
            session,
            tollgate,
            entitlement_id,
            secrets.token_bytes(32),
            grace_seconds=grace_seconds,
            actor=actor,
            now=now,
        )
    publish(tollgate, Change(entitlement_id, done.issued.version))
    previous = done.previous[0] if done.previous else None
    return NewKey(done.issued.key_id, done.issued.secret, previous, done.previous_ends_at if previous else None)


def _held_by(session: Session, email: str) -> list[tuple[str, str, str | None]]:
    """Entitlements that an address holds, whatever its capitals, working things first; with the address as it was given to us."""
    query = (
        select(Entitlement.id, Customer.email, Order.locale)
        .join(Customer, Customer.id == Entitlement.owner)
        .outerjoin(Order, Order.id == Entitlement.reference)
        .where(Customer.email_folded == fold(email), Entitlement.status != "revoked")
        .order_by(
            case((Entitlement.status == "active", 0), (Entitlement.status == "pending", 2), else_=1),
            Entitlement.created_at.desc(),
        )
        .limit(MOST_LINKS)
    )
    return [(entitlement_id, str(address), locale) for entitlement_id, address, locale in session.execute(query)]


def _link(session: Session, tollgate: Tollgate, entitlement_id: str, request: str, *, now: datetime) -> Recovery:
    """One row, the same however often the parcel is carried."""
    recovery_id = request + entitlement_id.removeprefix("ent")
    row = session.get(Recovery, recovery_id)
    if row is None:
        token = links.recovery_token(tollgate.settings, recovery_id)
        row = Recovery(
            id=recovery_id,
            token_hash=links.token_hash(token),
            entitlement_id=entitlement_id,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        session.add(row)
    return row


def _first(
    session: Session,
    tollgate: Tollgate,
    row: Recovery,
    entitlement: Entitlement,
    token: Secret,
    *,
    grace_seconds: int,
    now: datetime,
) -> tuple[Secret, Change]:
    if row.expires_at <= now or entitlement.status == "revoked":
        raise LinkSpent
    seed = derive_seed(tollgate.settings.secret_bytes, token.reveal(), row.id)
    done = _reissue(
        session, tollgate, entitlement.id, seed, grace_seconds=grace_seconds, actor=f"recovery:{row.id}", now=now
    )
    row.claimed_at, row.key_id = now, done.issued.key_id
    return done.issued.secret, Change(entitlement.id, done.issued.version)


def _again(
    session: Session, tollgate: Tollgate, row: Recovery, token: Secret, *, grace_seconds: int, now: datetime
) -> tuple[Secret, Change]:
    store = keystore(session, tollgate)
    key = store.get_key(row.key_id or "")
    over = row.claimed_at is None or now - row.claimed_at > REPEATABLE
    if over or key.last_used_at is not None or key.revoked_at is not None:
        raise LinkSpent
    seed = derive_seed(tollgate.settings.secret_bytes, token.reveal(), row.id)
    secret = store.rebuild(key, seed=seed, mode=tollgate.settings.mode)
    if secret is None:
        raise LinkSpent
    if grace_seconds <= 0:
        for ended in end_replaced(session, store, key.id, now=now):
            audit.write(session, "key.revoked", ended, actor=f"recovery:{row.id}", now=now)
            news.of_key(session, "key.revoked", ended, now=now)
    version = store.lock(row.entitlement_id).version
    return secret, Change(row.entitlement_id, version)


def _reissue(
    session: Session,
    tollgate: Tollgate,
    entitlement_id: str,
    seed: bytes,
    *,
    grace_seconds: int,
    actor: str,
    now: datetime,
) -> Reissued:
    """The new key, the order that points at it, the audit, the news."""
    store, mode = keystore(session, tollgate), tollgate.settings.mode
    done = reissue_key(session, store, entitlement_id, grace_seconds=grace_seconds, seed=seed, now=now, mode=mode)
    key_id = done.issued.key_id
    order = session.get(Order, store.get_key(key_id).record.reference)
    if order is not None:
        order.key_id = key_id  # a replay of the order must not show a key that is on its way out
    after = {"entitlement": entitlement_id, "replaces": list(done.previous), "grace_seconds": grace_seconds}
    audit.write(session, "key.reissued", key_id, actor=actor, now=now, after=after)
    for replaced in done.previous:
        news.of_key(session, "key.rotated", replaced, now=now, successor=key_id)
    return done


def _recovered(
    session: Session, tollgate: Tollgate, key_id: str, secret: Secret, entitlement: Entitlement
) -> Recovered:
    order = session.get(Order, entitlement.reference)
    return Recovered(
        key_id=key_id,
        api_key=secret,
        entitlement=entitlement.id,
        plan=entitlement.plan,
        order=order.id if order else None,
        order_url=order_url(tollgate, order.id) if order else None,
        previous=replaced_by(session, key_id),
    )
