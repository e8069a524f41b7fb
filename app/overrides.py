"""Amounts of its own that an operator gives an entitlement: each stands in for a limit that its plan has, or is refused.

One under any other name would be shown and do nothing. A catalogue that changes later may leave some behind: those are ignored.
"""

from collections.abc import Mapping

from app.problems import InvalidInput
from app.tollgate import Tollgate
from keystore.plans import limit_names


def check_given(tollgate: Tollgate, slug: str, limits: Mapping[str, int] | None) -> None:
    """What is asked for a key of this plan. Raises InvalidInput."""
    if _strays(tollgate, slug, limits):
        raise InvalidInput("/limits", _has(tollgate, slug))


def check_kept(tollgate: Tollgate, slug: str, limits: Mapping[str, int] | None) -> None:
    """What a key has already, where its plan becomes this one. Raises InvalidInput."""
    if strays := _strays(tollgate, slug, limits):
        kept = f"this key has amounts of its own for {', '.join(strays)}"
        raise InvalidInput("/plan", f"{_has(tollgate, slug)}; {kept}. Send limits too, or null for the plan's own")


def _strays(tollgate: Tollgate, slug: str, limits: Mapping[str, int] | None) -> tuple[str, ...]:
    """Names that stand for no limit of the plan."""
    return tuple(name for name in limits or () if name not in _names(tollgate, slug))


def _has(tollgate: Tollgate, slug: str) -> str:
    if slug not in tollgate.catalog.plans:
        return f"the plan {slug} is not in the catalogue"
    names = _names(tollgate, slug)
    return f"the plan {slug} has only these limits: {', '.join(names)}" if names else f"the plan {slug} has no limits"


def _names(tollgate: Tollgate, slug: str) -> tuple[str, ...]:
    plan = tollgate.catalog.plans.get(slug)
    return limit_names(plan) if plan else ()
