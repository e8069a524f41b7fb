"""Where settings come from: the environment, a `.env` file, and secret files named by `NAME_FILE`."""

import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.config.problems import Problem, SettingsError


def environment(env_file: str | Path | None = ".env") -> dict[str, str]:
    """What the process was given, completed by the `.env` file. The process' own environment wins. Raises SettingsError."""
    try:
        kept = dotenv_values(env_file) if env_file else {}
    except (OSError, UnicodeDecodeError):
        problem = Problem(str(env_file), "cannot be read as UTF-8", "check its permissions, and write it in UTF-8")
        raise SettingsError([problem]) from None
    return {name: value for name, value in kept.items() if value is not None} | dict(os.environ)


def names_of(field_name: str, field: FieldInfo) -> list[str]:
    """The variable of a field first, then its aliases, in capitals."""
    alias = field.validation_alias
    choices = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [alias or field_name]
    return [str(choice).upper() for choice in choices]


def is_secret(field: FieldInfo) -> bool:
    """Whether the value must never be shown. Exactly those fields can also come from a file."""
    return field.repr is False


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `SECRET_KEY_FILE=/run/secrets/…` and the like. A file that cannot be used becomes a Problem, reported with all others."""

    def __init__(self, settings_cls: type[BaseSettings], env_file: Any) -> None:
        super().__init__(settings_cls)
        self._environ = environment(env_file)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's content for one field; None when no file is named."""
        for name in names_of(field_name, field) if is_secret(field) else ():
            path = self._environ.get(f"{name}_FILE")
            if path:
                return self._read(name, path), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _read(self, name: str, path: str) -> str | Problem:
        if self._environ.get(name):
            return Problem(name, f"and {name}_FILE are both set", "keep one of them")
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return Problem(
                f"{name}_FILE", "names a file that cannot be read", f"check the path and its permissions: {path}"
            )
        return text or Problem(f"{name}_FILE", "names an empty file", f"write the secret into {path}")
