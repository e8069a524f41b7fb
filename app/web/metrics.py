"""What an operator should be alarmed by, in Prometheus' words. Read from the database when asked: right for any number of processes.

While it is away its gauges are missing, not zero, and the rest is told.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app import health
from app.tollgate import Tollgate


class TollgateCollector(Collector):
    """Backlogs of the whole installation, and the degraded counts of this server."""

    def __init__(self, tollgate: Tollgate) -> None:
        self._tollgate = tollgate

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """One sample each."""
        backlog = health.find_backlog(self._tollgate)
        yield GaugeMetricFamily(
            "tollgate_database_up", "Whether the database answers, 1 or 0", value=backlog is not None
        )
        for name, value, meaning in backlog or ():
            yield GaugeMetricFamily(f"tollgate_{name}", meaning, value=value)
        degraded = getattr(self._tollgate.counter, "degraded_total", 0)
        yield CounterMetricFamily(
            "tollgate_counter_degraded",
            "Requests counted without the shared counter store, by all workers forked from one application since it was built",
            value=degraded,
        )


def render(tollgate: Tollgate) -> bytes:
    """The exposition text. A registry per call: nothing is shared between two apps of one process."""
    registry = CollectorRegistry()
    registry.register(TollgateCollector(tollgate))
    return generate_latest(registry)
