"""The table of docs/settings.md, made from Settings: `python tests/guards/settings_table.py` prints it."""

from pydantic.fields import FieldInfo

from app.config import Settings
from app.config.sources import is_secret, names_of


def rows() -> dict[str, str]:
    """One line of the table for each variable."""
    return {names_of(name, field)[0]: _row(name, field) for name, field in Settings.model_fields.items()}


def _row(name: str, field: FieldInfo) -> str:
    variable, *aliases = names_of(name, field)
    known_as = " ".join(f"`{item}`" for item in (variable, *aliases))
    secret = "yes" if is_secret(field) else ""
    text = (field.description or "").replace("<", "&lt;")
    return f"| {known_as} | {_default(field)} | {secret} | {text} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be set**"
    if field.default_factory is not None:
        return f"`{(field.examples or [''])[0]}`"
    return "" if field.default in (None, ()) else f"`{field.default}`"


if __name__ == "__main__":
    print("\n".join(["| variable | default | secret | what it is |", "|---|---|---|---|", *rows().values()]))  # noqa: T201
