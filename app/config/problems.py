"""Mistakes in the settings, collected so that one start names all of them. No value of a setting is ever repeated."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: which variable, what is wrong with it, and what to do."""

    variable: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.variable} {self.what}. Fix: {self.fix}."


class SettingsError(Exception):
    """The settings cannot be used. Its text lists every problem, a line each."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"Tollgate cannot start: {count} problem{'s' if count > 1 else ''} in its settings."
        return "\n".join([head, *(f"  - {problem}" for problem in self.problems)])
