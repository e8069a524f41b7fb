"""Settings: read from the environment, checked together, every mistake reported at once."""

from app.config.problems import Problem, SettingsError
from app.config.settings import DatabaseSettings, Settings
from app.config.sources import environment

__all__ = ["DatabaseSettings", "Problem", "Settings", "SettingsError", "environment", "load"]


def load() -> Settings:
    """The settings of this process. Raises SettingsError."""
    environment()  # whose mistakes have to be ours, not those of who reads it next
    return Settings()
