"""Very many working keys at once: for benchmarks and trials, never for buyers."""

import secrets
from collections.abc import Iterator

from sqlalchemy import func, insert, select

from app.tollgate import Tollgate
from keystore.ids import new_id
from keystore.models import ApiKey, Entitlement
from keystore.secret import SEED_BYTES, generate, hint

BATCH = 2_000
REFERENCE = "bulk"


def issue_many(tollgate: Tollgate, plan: str, amount: int) -> Iterator[str]:
    """Add `amount` keys for ever, each with an entitlement of its own; their plaintexts, batch by batch, as they are committed."""
    for done in range(0, amount, BATCH):
        issued = [_issue(tollgate) for _ in range(min(BATCH, amount - done))]
        now = tollgate.clock()
        entitlements = [
            {"id": ent, "reference": f"{REFERENCE}:{ent}", "plan": plan, "status": "active", "starts_at": now}
            for ent, _, _ in issued
        ]
        keys = [
            {
                "id": key_id,
                "entitlement_id": ent,
                "mac": tollgate.peppers.mac(text),
                "pepper": tollgate.peppers.current,
                "hint": hint(text),
                "status": "active",
            }
            for ent, key_id, text in issued
        ]
        with tollgate.db.write() as session:
            session.execute(insert(Entitlement), [{**row, "created_at": now} for row in entitlements])
            session.execute(insert(ApiKey), [{**row, "created_at": now} for row in keys])
        yield from (text for _, _, text in issued)


def count_keys(tollgate: Tollgate) -> int:
    """How many keys there are."""
    with tollgate.db.read() as session:
        return session.scalar(select(func.count()).select_from(ApiKey)) or 0


def _issue(tollgate: Tollgate) -> tuple[str, str, str]:
    settings = tollgate.settings
    key_id, text = generate(settings.mode, prefix=settings.key_prefix, seed=secrets.token_bytes(SEED_BYTES))
    return new_id("ent"), key_id, text.reveal()
