"""What the loops of a process count, as Prometheus metrics; labels name projections and generations, never users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

_LABELS = ("projection", "generation")


class StreamMetrics:
    """The metrics of one process; made once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, _LABELS, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, _LABELS, registry=registry)

        self._records = counter("murmur_projection_records", "Records applied or passed by.")
        self._batches = counter("murmur_projection_batches", "Record batches applied.")
        self._retries = counter("murmur_projection_retries", "Attempts that a store or the dead letters turned down.")
        self._dead_letters = counter("murmur_dead_letters", "Records sent to the dead letters.")
        self._lag_events = gauge("murmur_projection_lag_events", "Records on the log that are not applied yet.")
        self._lag_seconds = gauge(
            "murmur_projection_lag_seconds", "Age of the last applied event where records are waiting, else 0."
        )

    def of(self, projection: str, generation: int) -> LoopMetrics:
        """Return the metrics of one generation of a projection."""
        labels = (projection, str(generation))
        return LoopMetrics(
            records=self._records.labels(*labels),
            batches=self._batches.labels(*labels),
            retries=self._retries.labels(*labels),
            dead_letters=self._dead_letters.labels(*labels),
        )

    def watch_lag(
        self, projection: str, generation: int, events: Callable[[], float], seconds: Callable[[], float]
    ) -> None:
        """Ask these whenever the metrics are scraped."""
        self._lag_events.labels(projection, str(generation)).set_function(events)
        self._lag_seconds.labels(projection, str(generation)).set_function(seconds)

    def forget_lag(self, projection: str, generation: int) -> None:
        """Ask no more: this process does not follow the generation any longer."""
        for gauge in (self._lag_events, self._lag_seconds):
            gauge.remove(projection, str(generation))


class LoopMetrics:
    """What one loop counts."""

    __slots__ = ("batches", "dead_letters", "records", "retries")

    def __init__(self, records: Counter, batches: Counter, retries: Counter, dead_letters: Counter) -> None:
        self.records = records
        self.batches = batches
        self.retries = retries
        self.dead_letters = dead_letters
