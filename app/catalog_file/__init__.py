"""Reads `catalog.toml`: fills in `${VAR}`, checks everything, and says where each mistake stands."""

from collections.abc import Collection, Mapping
from pathlib import Path

from app.catalog import Catalog
from app.catalog_file.build import build
from app.catalog_file.source import CatalogError, Mistake, Source
from app.config import Settings, environment

__all__ = ["CatalogError", "Mistake", "load", "read"]


def load(settings: Settings) -> Catalog:
    """The catalogue these settings name, filled from this process' environment. Raises CatalogError."""
    return read(settings.catalog, environment(), providers=settings.rails)


def read(path: Path, environ: Mapping[str, str], *, providers: Collection[str] = ()) -> Catalog:
    """The catalogue in `path`. Every provider named must have at least one offer. Raises CatalogError with all mistakes."""
    source = Source.open(path, environ)
    catalog = build(source, providers)
    if source.mistakes:
        raise CatalogError(path, source.mistakes)
    return catalog
