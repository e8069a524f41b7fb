"""Stripe's form encoding: `line_items[0][price]=…` becomes nested values."""

import re
from collections.abc import Iterable
from typing import Any

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nested dicts and lists of strings. Raises ValueError for a name that makes no sense."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(name)
        branch = tree
        path = [match[1], *_PART.findall(match[2])]
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise ValueError(name)  # noqa: TRY004 (the sender's mistake, not ours)
        branch[path[-1] or str(len(branch))] = value
    return {name: _with_lists(branch) for name, branch in tree.items()}


def _with_lists(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    filled = {name: _with_lists(below) for name, below in branch.items()}
    numbered = all(name.isdigit() for name in filled)
    return [filled[name] for name in sorted(filled, key=int)] if numbered else filled
