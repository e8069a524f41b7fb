"""Amounts of its own that an operator gives an entitlement: each stands in for a limit that its plan has, or is refused.

One under any other name would be shown and do nothing. A catalogue that changes later may leave some behind: those are ignored.
"""

from collections.abc import Mapping

from app.problems import InvalidInput
from app.tollgate import Tollgate
from keystore.plans import limit_names


def check_given(tollgate: Tollgate, slug: str, limits: Mapping[str, int] | None) -> None:
    """What is asked for a key of this plan. Raises InvalidInput."""
    names = _names(tollgate, slug)
    if set(limits or ()) - set(names):
        raise InvalidInput("/limits", f"the plan {slug} {_has(names)}")


def check_kept(tollgate: Tollgate, slug: str, limits: Mapping[str, int] | None) -> None:
    """What a key has already, where its plan becomes this one. Raises InvalidInput."""
    names = _names(tollgate, slug)
    if strays := ", ".join(name for name in limits or () if name not in names):
        kept = f"this key has amounts of its own for {strays}. Send limits too, or null for the plan's own"
        raise InvalidInput("/plan", f"the plan {slug} {_has(names)}; {kept}")


def _names(tollgate: Tollgate, slug: str) -> tuple[str, ...]:
    """Empty where the plan has left the catalogue: nothing is known to be a limit of it."""
    plan = tollgate.catalog.plans.get(slug)
    return limit_names(plan) if plan else ()


def _has(names: tuple[str, ...]) -> str:
    return f"has only these limits: {', '.join(names)}" if names else "has no limits, or is not in the catalogue"
