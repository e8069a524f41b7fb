"""The parts of one running Tollgate, put together once and passed as the first argument to every step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.catalog import Catalog
from app.config import Settings
from app.db import Database
from app.patience import Patience
from app.pricing import PriceBook
from app.switches import Switches
from keystore.limits import Counter
from keystore.secret import Peppers
from providers.base import Provider


@dataclass(frozen=True)
class Tollgate:
    """Settings, catalogue, database, rails, counter and clock of one process."""

    settings: Settings
    catalog: Catalog
    db: Database
    providers: Mapping[str, Provider]  # only the rails that are configured
    peppers: Peppers
    counter: Counter
    prices: PriceBook
    clock: Callable[[], datetime]
    patience: Patience = field(default_factory=Patience)
    switches: Switches = field(default_factory=Switches)  # what operators took off sale
