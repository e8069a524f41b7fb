"""Keys in the database that these settings cannot recognise: they are told 401, as if nobody had ever bought them."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, func, or_, select

from app.tollgate import Tollgate
from keystore.models import ApiKey, Entitlement
from providers.base import Diagnosis


def diagnose(tollgate: Tollgate) -> Iterator[Diagnosis]:
    """An error for each pepper that is missing, and one for keys that start otherwise. No secret is needed to see either."""
    labels, prefix = list(tollgate.peppers.by_label), tollgate.settings.key_prefix
    otherwise = ~ApiKey.hint.startswith(f"{prefix}_", autoescape=True)
    alive = _alive(tollgate)
    grouped = select(ApiKey.pepper, func.count()).join(Entitlement).where(alive, ApiKey.pepper.not_in(labels))
    with tollgate.db.read() as session:
        lost = session.execute(grouped.group_by(ApiKey.pepper).order_by(ApiKey.pepper)).all()
        renamed = select(func.count(), func.min(ApiKey.hint)).join(Entitlement).where(alive, otherwise)
        count, hint = session.execute(renamed).one()
    for label, keys in lost:
        what = f"the pepper {label} is not in KEY_PEPPERS: keys made with it are refused ({keys})"
        yield Diagnosis("keys", "error", what, f"put {label}:<the old secret> back into KEY_PEPPERS, behind the newest")
    if count:
        was = hint.partition("_")[0]
        what = f"KEY_PREFIX is {prefix}: keys that start otherwise, like {was}_, are refused ({count})"
        yield Diagnosis(
            "keys", "error", what, f"set KEY_PREFIX={was} again; keys that start with {prefix}_ are then refused"
        )


def _alive(tollgate: Tollgate) -> ColumnElement[bool]:
    """What can still work, or work again once its entitlement is paid for."""
    lasts = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > tollgate.clock())
    return and_(ApiKey.status.in_(("active", "pending")), lasts, Entitlement.status != "revoked")
