"""A store for API keys: who holds which, what they may do, and exactly how often they did it.

It knows keys, plans and time; no payment, no HTTP, no framework. It needs SQLAlchemy, and Redis only where several
processes share limits.

Two nouns. An **entitlement** is the right to use a plan until a date; limits belong to it. A **key** is a credential for
it; there may be several, and they share its limits.

The life of a key::

    issue ──▶ pending ──settle(active)──▶ active ──▶ settle(suspended | ended | revoked)
                                            │
                                            ├─ rotate ──▶ a successor; the old one EXPIRES after its grace
                                            └─ revoke ──▶ REVOKED, at once

An example, whole::

    peppers = Peppers.parse("v1:a secret of at least sixteen bytes")
    plan = Plan("pro", "Pro", rates=(Rate("burst", 10, 1), Rate("minute", 600, 60)))
    counter = MemoryCounter()

    with Session(engine) as session, session.begin():  # you commit; the keystore never does
        keys = Keystore(session, peppers=peppers)
        issued = keys.issue("order-1", plan.slug, now=now, mode="live", seed=os.urandom(32))
        show_to_the_buyer(issued.secret.reveal())  # the only copy
        keys.settle(issued.entitlement_id, plan=plan.slug, status="active",
                    starts_at=now, ends_at=now + timedelta(days=30), grace_ends_at=None)

    record = keys.authenticate(text)  # shape, checksum, one SELECT, MAC in constant time
    if record and judge(record, now) is Verdict.VALID:
        count = counter.count(record.entitlement, rates_of(plan, record.limits))
        print(count.admitted, count.allowances)

Secrets: stored is only HMAC-SHA256(pepper, key). Several peppers can be in force; the first is current, and a key moves to
it when it is used (`repepper`).

Limits: windows are fixed and aligned, on the clock of the counter store; in each, `admitted <= limit`, exactly.
`MemoryCounter` holds that for the threads of one process, `RedisCounter` wherever it is asked, and `FallbackCounter` keeps
answering, degraded, while Redis is gone. A rolling window may see up to twice the limit; a short "burst" rate bounds it.

Caching: each change raises the entitlement's `version` and says so (`Change`); after your commit, `counter.publish` it.
`RedisCounter` returns the published version with every count, so a cached record that is older can be read again.
"""

from keystore.changes import Change, Issued, Rotated
from keystore.errors import BadLimits, CounterStoreDown, KeystoreError, NotRotatable, UnknownEntitlement, UnknownKey
from keystore.limits import Counter, FallbackCounter, MemoryCounter, RedisCounter
from keystore.plans import Allowance, Count, Plan, Quota, Rate, limit_names, rates_of
from keystore.records import KeyFilter, KeyInfo, KeyPage
from keystore.secret import ParsedKey, Peppers, Secret, derive_seed, generate, hint, mac, parse
from keystore.store import ACCOUNT_SCOPE, Keystore
from keystore.verdict import KeyRecord, Verdict, judge

__all__ = [
    "ACCOUNT_SCOPE",
    "Allowance",
    "BadLimits",
    "Change",
    "Count",
    "Counter",
    "CounterStoreDown",
    "FallbackCounter",
    "Issued",
    "KeyFilter",
    "KeyInfo",
    "KeyPage",
    "KeyRecord",
    "Keystore",
    "KeystoreError",
    "MemoryCounter",
    "NotRotatable",
    "ParsedKey",
    "Peppers",
    "Plan",
    "Quota",
    "Rate",
    "RedisCounter",
    "Rotated",
    "Secret",
    "UnknownEntitlement",
    "UnknownKey",
    "Verdict",
    "derive_seed",
    "generate",
    "hint",
    "judge",
    "limit_names",
    "mac",
    "parse",
    "rates_of",
]
