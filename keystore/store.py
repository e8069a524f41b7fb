"""The keystore on one session. It never commits: the step that called decides what belongs to its transaction.

Whatever changes an entitlement or its keys locks the entitlement first and raises its `version`, so that no gate trusts an
older copy; the answer names both, to be published once the transaction is committed.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from types import EllipsisType

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from keystore.changes import Change, Issued, Rotated
from keystore.errors import NotRotatable, UnknownEntitlement, UnknownKey
from keystore.ids import new_id
from keystore.models import ApiKey, Entitlement
from keystore.periods import to_json
from keystore.plans import check_overrides
from keystore.records import KeyFilter, KeyInfo, KeyPage, read_info, read_page, read_record
from keystore.secret import DEFAULT_PREFIX, ID_PREFIX, Peppers, Secret, generate, hint, parse
from keystore.verdict import KeyRecord, Period

ACCOUNT_SCOPE = "account"  # portal, rotation, plan change, payments; extra keys do not have it
ENTITLEMENT_STATUSES = frozenset({"pending", "active", "suspended", "ended", "revoked"})
ANY_KEY = KeyFilter()
BARE = {"synchronize_session": False}  # an UPDATE and nothing else: objects in the session are not refreshed


class Keystore:
    """Keys and entitlements on `session`, MACed with `peppers`, written with `prefix`."""

    def __init__(self, session: Session, *, peppers: Peppers, prefix: str = DEFAULT_PREFIX) -> None:
        self._session = session
        self._peppers = peppers
        self._prefix = prefix

    def issue(
        self,
        reference: str,
        plan: str,
        *,
        now: datetime,
        mode: str,
        seed: bytes,
        owner: str | None = None,
        scopes: Collection[str] = (ACCOUNT_SCOPE,),
        name: str | None = None,
        key_id12: str | None = None,
    ) -> Issued:
        """A pending entitlement with its pending key; both start to work when `settle` makes the entitlement active.

        The reference is unique: a second issue under it fails the flush with IntegrityError.
        """
        entitlement = Entitlement(
            id=new_id("ent"), reference=reference, owner=owner, plan=plan, status="pending", version=1, created_at=now
        )
        self._session.add(entitlement)
        self._session.flush()  # the key points at it
        key, secret = self._mint(entitlement, now=now, mode=mode, seed=seed, key_id12=key_id12)
        key.scopes, key.name = list(scopes), name
        self._session.flush()
        return Issued(entitlement.id, key.id, secret, entitlement.version)

    def add_key(
        self,
        entitlement_id: str,
        *,
        now: datetime,
        mode: str,
        seed: bytes,
        scopes: Collection[str] = (),
        name: str | None = None,
    ) -> Issued:
        """One more key under the same limits; pending unless the entitlement is active. Raises UnknownEntitlement."""
        entitlement = self.lock(entitlement_id)
        key, secret = self._mint(entitlement, now=now, mode=mode, seed=seed)
        key.scopes, key.name = list(scopes), name
        return Issued(entitlement.id, key.id, secret, self._changed(entitlement).version)

    def rebuild(self, key: KeyInfo, *, seed: bytes, mode: str) -> Secret | None:
        """The plaintext again, from the seed it was made of; None if this seed did not make it."""
        _, secret = generate(mode, prefix=self._prefix, seed=seed, key_id12=key.id.removeprefix(f"{ID_PREFIX}_"))
        known = self._peppers.matches(secret.reveal(), stored=key.record.mac, label=key.record.pepper)
        return secret if known else None

    def rotate(
        self, key_id: str, *, grace_seconds: int, seed: bytes, now: datetime, mode: str, key_id12: str | None = None
    ) -> Rotated:
        """A successor with the same scopes and name; the old key works `grace_seconds` more, with 0 not at all.

        Limits and what is used of them belong to the entitlement and stay. Raises UnknownKey, NotRotatable.
        """
        entitlement, old = self._hold(key_id)
        if old.status != "active" or old.successor_id is not None:
            raise NotRotatable(key_id)
        key, secret = self._mint(entitlement, now=now, mode=mode, seed=seed, key_id12=key_id12)
        key.scopes, key.name, key.status = list(old.scopes), old.name, "active"
        old.successor_id = key.id
        old.expires_at = now + timedelta(seconds=grace_seconds)
        if grace_seconds <= 0:
            old.status, old.revoked_at = "revoked", now
        issued = Issued(entitlement.id, key.id, secret, self._changed(entitlement).version)
        return Rotated(issued, old.id, old.expires_at)

    def revoke(self, key_id: str, *, now: datetime) -> Change:
        """End a key at once and for good. Idempotent. Raises UnknownKey."""
        entitlement, key = self._hold(key_id)
        if key.status == "revoked":
            return Change(entitlement.id, entitlement.version)
        key.status, key.revoked_at = "revoked", now
        return self._changed(entitlement)

    def update_key(
        self, key_id: str, *, name: str | EllipsisType | None = ..., scopes: Collection[str] | EllipsisType = ...
    ) -> Change:
        """Rename a key or give it other scopes; what is left out stays. Raises UnknownKey."""
        entitlement, key = self._hold(key_id)
        if not isinstance(name, EllipsisType):
            key.name = name
        if not isinstance(scopes, EllipsisType):
            key.scopes = list(scopes)
        return self._changed(entitlement)

    def settle(
        self,
        entitlement_id: str,
        *,
        plan: str,
        status: str,
        starts_at: datetime | None,
        ends_at: datetime | None,
        grace_ends_at: datetime | None,
        periods: Iterable[Period] = (),
    ) -> Change | None:
        """Write what the ledger says; an active entitlement wakes its pending keys. None if that was so already.

        `periods`: the current one and those to come, each with its own quota. Raises UnknownEntitlement, ValueError.
        """
        if status not in ENTITLEMENT_STATUSES:
            raise ValueError(f"no such status: {status}")
        entitlement = self.lock(entitlement_id)
        entitlement.plan, entitlement.status, entitlement.periods = plan, status, to_json(periods)
        entitlement.starts_at, entitlement.ends_at, entitlement.grace_ends_at = starts_at, ends_at, grace_ends_at
        changed = self._session.is_modified(entitlement)
        if status == "active":
            changed = self._wake_keys(entitlement_id) or changed
        return self._changed(entitlement) if changed else None

    def set_limits(self, entitlement_id: str, limits: Mapping[str, int] | None) -> Change:
        """Override amounts of the plan by name (`limit_names`); None goes back to its own. Raises UnknownEntitlement, BadLimits."""
        check_overrides(limits or {})
        entitlement = self.lock(entitlement_id)
        entitlement.limits = dict(limits) if limits else None
        return self._changed(entitlement)

    def lock(self, entitlement_id: str) -> Entitlement:
        """The entitlement as committed now, held until the transaction ends. Raises UnknownEntitlement."""
        query = select(Entitlement).where(Entitlement.id == entitlement_id).with_for_update()
        entitlement = self._session.scalar(query, execution_options={"populate_existing": True})
        if entitlement is None:
            raise UnknownEntitlement(entitlement_id)
        return entitlement

    def refer(self, entitlement_id: str, reference: str) -> Change:
        """Let it go by another reference, as unique as the first. Raises UnknownEntitlement."""
        entitlement = self.lock(entitlement_id)
        entitlement.reference = reference
        return self._changed(entitlement)

    def find_record(self, key_id: str) -> KeyRecord | None:
        """What the gate must know about a key: one indexed SELECT, no ORM objects."""
        return read_record(self._session.connection(), key_id)

    def authenticate(self, text: str) -> KeyRecord | None:
        """The record of the key whose plaintext this is, whatever its verdict; None if it is nobody's. Malformed costs no query."""
        key = parse(text, prefix=self._prefix)
        record = key and self.find_record(key.key_id)
        if not record or not self._peppers.matches(text, stored=record.mac, label=record.pepper):
            return None
        return record

    def find_key(self, key_id: str) -> KeyInfo | None:
        """A key as its keepers see it."""
        return read_info(self._session.connection(), key_id)

    def get_key(self, key_id: str) -> KeyInfo:
        """Raises UnknownKey."""
        key = self.find_key(key_id)
        if key is None:
            raise UnknownKey(key_id)
        return key

    def list_keys(self, *, limit: int, after: str | None = None, only: KeyFilter = ANY_KEY) -> KeyPage:
        """Newest first, `limit` of those that follow the key `after`. Raises UnknownKey for a cursor that is no key."""
        return read_page(self._session.connection(), limit=limit, after=after, only=only)

    def touch(self, key_ids: Collection[str], *, now: datetime) -> None:
        """Note that these keys were just used.

        A bare UPDATE that passes over rows somebody holds: no request waits, and nothing deadlocks, for the sake of a date.
        """
        free = select(ApiKey.id).where(ApiKey.id.in_(key_ids)).with_for_update(skip_locked=True)
        self._session.execute(
            update(ApiKey).where(ApiKey.id.in_(free)).values(last_used_at=now), execution_options=BARE
        )

    def repepper(self, key_id: str, mac: bytes, *, label: str) -> None:
        """Move a key to another pepper when it shows itself. No gate needs to hear of it: both MACs are right.

        A new pepper must be known to every process (second in the list) before it becomes the first.
        """
        self._session.execute(
            update(ApiKey).where(ApiKey.id == key_id).values(mac=mac, pepper=label), execution_options=BARE
        )

    def _mint(
        self, entitlement: Entitlement, *, now: datetime, mode: str, seed: bytes, key_id12: str | None = None
    ) -> tuple[ApiKey, Secret]:
        key_id, secret = generate(mode, prefix=self._prefix, seed=seed, key_id12=key_id12)
        text = secret.reveal()
        key = ApiKey(
            id=key_id,
            entitlement_id=entitlement.id,
            mac=self._peppers.mac(text),
            pepper=self._peppers.current,
            hint=hint(text),
            status="active" if entitlement.status == "active" else "pending",
            created_at=now,
        )
        self._session.add(key)
        return key, secret

    def _hold(self, key_id: str) -> tuple[Entitlement, ApiKey]:
        """A key as committed now, under the lock of its entitlement."""
        entitlement_id = self._session.scalar(select(ApiKey.entitlement_id).where(ApiKey.id == key_id))
        if entitlement_id is None:
            raise UnknownKey(key_id)
        entitlement = self.lock(entitlement_id)
        return entitlement, self._session.get_one(ApiKey, key_id, populate_existing=True)

    def _wake_keys(self, entitlement_id: str) -> bool:
        pending = (ApiKey.entitlement_id == entitlement_id, ApiKey.status == "pending")
        woken = self._session.scalars(update(ApiKey).where(*pending).values(status="active").returning(ApiKey.id)).all()
        return bool(woken)

    def _changed(self, entitlement: Entitlement) -> Change:
        entitlement.version += 1
        self._session.flush()
        return Change(entitlement.id, entitlement.version)
