"""Present: progress as bytes, and as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from query_api.stores import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from query_api.bootstrap import Services
    from query_api.lag import Progress


def projections(services: Services) -> bytes:
    """Return how far every projection is."""
    return orjson.dumps({"projections": [_projection(services, services.lag.progress(name)) for name in TOPICS]})


def _projection(services: Services, progress: Progress) -> dict[str, object]:
    applied = progress.applied or {}
    return {
        "projection": progress.projection,
        "ready": progress.applied is not None,
        "generation": services.stores.generation(progress.projection),
        "lag_events": sum(progress.behind().values()),
        "lag_seconds": services.lag.seconds(progress),
        "partitions": [
            {"topic": key.topic, "partition": key.partition, "position": applied.get(key, 0), "end": end}
            for key, end in sorted(progress.ends.items())
        ],
    }


class QueryMetrics(Collector):
    """What Prometheus asks of this process beside its requests: lag and caches, read when it asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they stand."""
        events = GaugeMetricFamily("murmur_projection_lag_events", "Records not applied.", labels=["projection"])
        seconds = GaugeMetricFamily(
            "murmur_projection_lag_seconds", "Age of the oldest record not applied.", labels=["projection"]
        )
        for name in TOPICS:
            progress = self._services.lag.progress(name)
            events.add_metric([name], sum(progress.behind().values()))
            seconds.add_metric([name], self._services.lag.seconds(progress))
        yield events
        yield seconds
        yield from self._caches()

    def _caches(self) -> Iterator[Metric]:
        hits = CounterMetricFamily("murmur_cache_hits", "Fragments found in memory.", labels=["cache"])
        misses = CounterMetricFamily("murmur_cache_misses", "Fragments read from a store.", labels=["cache"])
        entries = GaugeMetricFamily("murmur_cache_entries", "Fragments in memory.", labels=["cache"])
        stores = self._services.stores
        for name, hit, missed, kept in (
            ("tweets", stores.kept_tweets.hits, stores.kept_tweets.misses, len(stores.kept_tweets)),
            ("authors", stores.kept_authors.hits, stores.kept_authors.misses, len(stores.kept_authors)),
        ):
            hits.add_metric([name], hit)
            misses.add_metric([name], missed)
            entries.add_metric([name], kept)
        yield from (hits, misses, entries)
