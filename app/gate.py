"""The hot path: header -> Decision. Key looked up (a copy, else parsed and one SELECT), judged, counted: nothing else."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from app.books import keystore
from app.db import DatabaseDown
from app.decision import (
    DETAIL,
    MALFORMED,
    PLAIN,
    UNKNOWN,
    Decision,
    Denied,
    Headers,
    Outcome,
    Toll,
    key_text,
    limit_detail,
    missing,
    outcome_of,
)
from app.key_cache import FRESH_ALONE, FRESH_CONFIRMED, LAST_RESORT, Copy, KeyCache, Recently, is_outdated
from app.metering import charge, look
from app.standing import Standing, stand
from app.steps import ELSEWHERE, Steps, at_once
from app.tollgate import Tollgate
from app.usage import UsageBatch
from keystore.errors import CounterStoreDown
from keystore.limits import Question
from keystore.plans import Count
from keystore.records import read_record
from keystore.secret import ParsedKey, parse
from keystore.verdict import KeyRecord, Verdict, judge

log = logging.getLogger(__name__)


def prepared_for(standing: Standing, toll: Toll) -> Question | None:
    """The question that was prepared for this key, where it is this request's: it costs one and lacks nothing."""
    plain = toll is PLAIN or not (toll.cost > 1 or toll.peek or missing(toll, standing.record, standing.plan))
    return standing.plainest if plain else None


class Doubted(NamedTuple):
    """A count on a copy of a key that is outdated, or that nobody confirms."""

    standing: Standing
    count: Count  # type: ignore[assignment]  # hides a method of tuples that nobody calls

    @property
    def outdated(self) -> bool:
        """Known to be, and then nothing was charged."""
        return is_outdated(self.standing.record, self.count)

    def was_charged(self, toll: Toll) -> bool:
        """Nor was it where the copy lacked what is asked: there only the version was looked up."""
        lacked = missing(toll, self.standing.record, self.standing.plan)
        return self.count.admitted and not self.outdated and not lacked


class Gate:
    """One per process. Thread-safe. `public_url` is where refusals point to, `usage` what somebody has to flush."""

    def __init__(self, tollgate: Tollgate, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.public_url = tollgate.settings.public_url
        self._tollgate = tollgate
        self._prefix = tollgate.settings.key_prefix
        self._cache = KeyCache(monotonic)
        self._fresh = FRESH_CONFIRMED if tollgate.counter.confirms else FRESH_ALONE
        self._used = Recently(monotonic)
        self.usage = UsageBatch(tollgate)

    def decide(self, headers: Headers, toll: Toll = PLAIN) -> Decision:
        """Judge and count one request on a gated endpoint."""
        return at_once(self.deciding(key_text(headers), toll))

    def decide_key(self, text: str, toll: Toll) -> Decision:
        """The same for a key that was taken out of its request already."""
        return at_once(self.deciding(text, toll))

    def deciding(self, text: str | Decision, toll: Toll) -> Steps[Decision]:
        """The same in steps. `text`: the key, or what is wrong with how it was sent."""
        if isinstance(text, Decision):
            return text
        now = self._tollgate.clock()
        copy = self._cache.find(text, within=self._fresh)
        standing = self._stand(copy, now) if copy else None
        if copy is None or standing is None:
            decision = self._anew(text, toll, now)
        else:
            if question := prepared_for(standing, toll):
                count = yield question
            else:
                count = self._count(standing, toll, known=copy.record.version)
            if is_outdated(copy.record, count) or (count.version is None and self._cache.is_doubtful(copy)):
                yield ELSEWHERE
                decision = self._anew(text, toll, now, Doubted(standing, count))
            else:
                decision = self._answer(standing, count, toll, now)
        record = decision.record
        if record and not record.used and self._is_first_use(record, decision.outcome):
            yield ELSEWHERE
            self._touch(record)
        return decision

    def _anew(self, text: str, toll: Toll, now: datetime, doubted: Doubted | None = None) -> Decision:
        """By what the database says now. What a doubted count charged stays charged, and is not charged again."""
        try:
            record = self._read(text)
        except DatabaseDown:
            doubted = doubted or self._last_resort(text, toll, now)
            if doubted is None or doubted.outdated:
                raise
            return self._answer(*doubted, toll, now)
        standing = record if isinstance(record, Decision) else stand(self._tollgate, record, now)
        if isinstance(standing, Decision):
            self._cache.forget(text)
            return standing
        if doubted and doubted.was_charged(toll):
            count = doubted.count
        else:
            # The second time it is right: a store that tells of a newer version remembers a database that was put back since.
            count = self._count(standing, toll, known=0 if doubted else standing.record.version)
        self._announce(standing.record, count)
        if doubted is None and is_outdated(standing.record, count):
            return self._anew(text, toll, now, Doubted(standing, count))
        return self._answer(standing, count, toll, now)

    def _last_resort(self, text: str, toll: Toll, now: datetime) -> Doubted | None:
        copy = self._cache.find(text, within=LAST_RESORT)
        standing = self._stand(copy, now) if copy else None
        return standing and Doubted(standing, self._count(standing, toll, known=standing.record.version))

    def _stand(self, copy: Copy, now: datetime) -> Standing | None:
        """How a remembered key stands; None where it does not work: no such refusal on the word of a copy."""
        standing = copy.standing
        if standing and now < standing.until:
            return standing
        found = stand(self._tollgate, copy.record, now)
        standing = copy.standing = None if isinstance(found, Decision) else found
        return standing

    def _count(self, standing: Standing, toll: Toll, *, known: int) -> Count:
        """Nothing is charged where a version newer than `known` is published, or to a request that may not pass anyway."""
        if toll.peek:
            return look(self._tollgate, standing.terms, toll.cost)
        if missing(toll, standing.record, standing.plan):
            return self._tollgate.counter.peek(standing.terms.entitlement, ())
        return charge(self._tollgate, standing.terms, toll.cost, known=known)

    def _answer(self, standing: Standing, count: Count, toll: Toll, now: datetime) -> Decision:
        record, plan = standing.record, standing.plan
        if toll is not PLAIN and (lacking := missing(toll, record, plan)):
            return Decision(Outcome.INSUFFICIENT_SCOPE, record, plan, detail=lacking)
        if not toll.peek:
            self.usage.note(record.key_id, now, cost=toll.cost, passed=count.admitted)
        if count.admitted:
            return Decision(Outcome.ALLOWED, record, plan, count, words=standing.words)
        return Decision(outcome_of(count), record, plan, count, detail=limit_detail(count, plan, now))

    def _is_first_use(self, record: KeyRecord, outcome: Outcome) -> bool:
        """It is written at once, for it ends the time in which a repeated order shows the key; other uses in batches."""
        return outcome is Outcome.ALLOWED and not self._tollgate.db.is_resting and self._used.is_first(record.key_id)

    def identify(self, headers: Headers) -> KeyRecord:
        """Who holds this key, paid or not: for order and renewal endpoints. Raises Denied for unknown and revoked keys."""
        text = key_text(headers)
        record = text if isinstance(text, Decision) else self._read(text)
        if isinstance(record, Decision):
            raise Denied(record)
        if judge(record, self._tollgate.clock()) is Verdict.EXPIRED or record.key_status == "revoked":
            raise Denied(Decision(Outcome.REVOKED_KEY, record, detail=DETAIL[Outcome.REVOKED_KEY]))
        return record

    def _read(self, text: str) -> KeyRecord | Decision:
        """The record behind a key, from the database; a refusal when there is none."""
        key = parse(text, prefix=self._prefix)
        return MALFORMED if key is None else self._load(key) or UNKNOWN

    def _load(self, key: ParsedKey) -> KeyRecord | None:
        """Read the key and compare MACs; a key on an old pepper moves to the current one."""
        record = self._tollgate.db.ask(lambda connection: read_record(connection, key.key_id))
        peppers = self._tollgate.peppers
        if record is None or not peppers.matches(key.text, stored=record.mac, label=record.pepper):
            return None
        if record.pepper != peppers.current:
            self._move_to_current_pepper(key, record)
        record = record._replace(mac=b"")  # compared: nothing further on needs it
        if record.key_status == "active":
            self._cache.put(key.text, record)
        return record

    def _announce(self, record: KeyRecord, count: Count) -> None:
        """The counter store knows no version (new, or flushed): tell it, so that copies of this key can be confirmed."""
        if count.version is None and not count.degraded:
            with suppress(CounterStoreDown):
                self._tollgate.counter.publish(record.entitlement, record.version)

    def _touch(self, record: KeyRecord) -> None:
        """Note the use now."""
        now = self._tollgate.clock()
        try:
            self._tollgate.db.do(lambda session: keystore(session, self._tollgate).touch([record.key_id], now=now))
        except SQLAlchemyError:
            log.warning("the use of %s was not noted", record.key_id, exc_info=True)

    def _move_to_current_pepper(self, key: ParsedKey, record: KeyRecord) -> None:
        peppers = self._tollgate.peppers
        mac = peppers.mac(key.text)
        with suppress(DatabaseDown):  # next time, then: the old one is right as well
            self._tollgate.db.do(
                lambda session: keystore(session, self._tollgate).repepper(record.key_id, mac, label=peppers.current)
            )
            log.info("key %s moved from pepper %s", record.key_id, record.pepper)
