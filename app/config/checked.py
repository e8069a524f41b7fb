"""Settings whose every mistake is reported at once. Where they come from, and how pydantic's errors become Problems."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.config import values
from app.config.problems import Problem, SettingsError
from app.config.rules import Given
from app.config.sources import SecretFiles, is_secret, names_of

BOUNDS = {  # by pydantic's names
    "greater_than_equal": "must be a whole number of at least {ge}",
    "less_than_equal": "must be a whole number of at most {le}",
}


class Checked(BaseSettings):
    """Base of settings. Making one reads the environment and raises SettingsError."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # a line left empty in .env is a setting not given
        enable_decoding=False,  # lists are comma-separated, not JSON
        extra="ignore",
        populate_by_name=True,
        frozen=True,
        hide_input_in_errors=True,
    )
    RULES: ClassVar[tuple[Callable[[Given], list[Problem]], ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, data: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Pydantic stops at the fields when one is wrong; here the rules between fields speak in the same breath."""
        broken = {name: value for name, value in data.items() if isinstance(value, Problem)}
        given = {name: values.text_of(value) for name, value in data.items() if value not in (None, "", ())}
        problems = list(broken.values())
        settings = None
        try:
            settings = handler({name: value for name, value in data.items() if name not in broken})
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
            # a default made from other values was not made: that follows from their mistakes
            own = [detail for detail in details if detail["type"] != "default_factory_not_called"]
            problems += [cls._problem(detail) for detail in own if detail["loc"][0] not in broken]
        problems += [problem for rule in cls.RULES for problem in rule(given)]
        if problems or settings is None:
            raise SettingsError(problems)
        return settings

    @classmethod
    def _problem(cls, detail: ErrorDetails) -> Problem:
        variable = str(detail["loc"][0]).upper()
        field = next(field for name, field in cls.model_fields.items() if variable in names_of(name, field))
        context, about = detail.get("ctx", {}), (field.description or "").rstrip(".")
        if detail["type"] == "missing":
            return Problem(variable, f"is not set ({about[0].lower() + about[1:]})", _how_to_set(variable, field))
        if detail["type"] in BOUNDS:
            return Problem(variable, BOUNDS[detail["type"]].format(**context), about)
        message = detail["msg"][0].lower() + detail["msg"][1:]
        return Problem(variable, context.get("what", f"is not usable: {message}"), context.get("fix", about))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (a directory of secrets; NAME_FILE says which one is which)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then secret files, then the environment, then `.env`."""
        files = SecretFiles(settings_cls, getattr(dotenv_settings, "env_file", None))
        return init_settings, files, env_settings, dotenv_settings


def _how_to_set(variable: str, field: FieldInfo) -> str:
    if not is_secret(field):
        return f"set it, for example {variable}={(field.examples or [''])[0]}"
    return f"write v1:<secret>; {values.GENERATE}" if variable == "KEY_PEPPERS" else values.GENERATE
