"""Present: progress as bytes, and as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from infra import replay_progress
from infra.archive import told as archive_told
from infra.clock import rfc3339
from infra.generations.record import unrecorded
from projections.search import read_model as search
from query_api.errors import NotReadyError
from query_api.stores import HOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from infra.recent import Cache
    from infra.replay_progress import ReplayProgress
    from query_api.bootstrap import Services
    from query_api.lag import Progress


def readiness(services: Services) -> bytes:
    """Return how each part is; raises NotReadyError where one is away that nothing stands in for."""
    wrong = {name: services.stores.reason(name) for name in services.stores.names} | {"log": services.lag.reason}
    stood_in_for = {"log", search.PROJECTION}  # only a search needs its index, and says so
    if services.timelines is not None:
        stood_in_for.add(HOME)
        services.timelines.watch.pulls()
        wrong[HOME] = services.timelines.watch.reason
    missing = [f"{name}: {reason}" for name, reason in wrong.items() if reason and name not in stood_in_for]
    if missing:
        raise NotReadyError(f"not all read models answer: {'; '.join(missing)}")
    parts = {name: reason or "ready" for name, reason in wrong.items()}
    return orjson.dumps({"status": "degraded" if any(wrong.values()) else "ready", "parts": parts})


def projections(services: Services) -> bytes:
    """Return how far every projection is."""
    replay = replay_progress.read(services.settings.run_dir)
    found = [_projection(services, services.lag.progress(name), replay) for name in services.stores.names]
    return orjson.dumps({"projections": found})


def _projection(services: Services, progress: Progress, replay: ReplayProgress | None) -> dict[str, object]:
    applied = progress.applied or {}
    record = services.stores.record(progress.projection) or unrecorded(progress.projection)
    return {
        "projection": progress.projection,
        "ready": progress.applied is not None,
        "generation": services.stores.generation(progress.projection),
        "active": record.active,
        "generations": [
            {"generation": it.number, "state": it.state, "verified": it.verification and it.verification.verified}
            for it in record.generations
        ],
        "replay": None if replay is None else _replay(replay, progress.projection),
        "lag_events": sum(progress.behind().values()),
        "lag_seconds": services.lag.seconds(progress),
        "dead_letters": services.letters.waiting(progress.projection, applied),
        "partitions": [
            {"topic": key.topic, "partition": key.partition, "position": applied.get(key, 0), "end": end}
            for key, end in sorted(progress.ends.items())
        ],
    }


def _replay(replay: ReplayProgress, projection: str) -> dict[str, object] | None:
    """Return what the last replay of this installation told of a projection."""
    told = replay.projections.get(projection)
    if told is None:
        return None
    return {
        "running": replay_progress.is_running(replay),
        "generation": told.generation,
        "phase": told.phase,
        "done": told.done,
        "total": told.total,
        "records_per_second": round(told.rate, 1),
        "seconds_left": told.eta_s,
        "verified": told.verified,
        "report": told.report,
        "told_at": rfc3339(replay.told_at_ms),
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
        generation = GaugeMetricFamily("murmur_projection_generation", "The build that is read.", labels=["projection"])
        up = GaugeMetricFamily("murmur_read_model_up", "1 where the read model answers.", labels=["projection"])
        for name in self._services.stores.names:
            progress = self._services.lag.progress(name)
            events.add_metric([name], sum(progress.behind().values()))
            seconds.add_metric([name], self._services.lag.seconds(progress))
            generation.add_metric([name], self._services.stores.generation(name))
            up.add_metric([name], not self._services.stores.reason(name))
        yield from (events, seconds, generation, up)
        yield from self._replays()
        yield from self._archive()
        yield from self._caches()

    def _replays(self) -> Iterator[Metric]:
        told = replay_progress.read(self._services.settings.run_dir)
        running = GaugeMetricFamily("murmur_replay_running", "1 while one is rebuilt.", labels=["projection"])
        left = GaugeMetricFamily("murmur_replay_left_records", "Records still to be read.", labels=["projection"])
        rate = GaugeMetricFamily("murmur_replay_records_per_second", "Read now.", labels=["projection"])
        verified = GaugeMetricFamily(
            "murmur_replay_verified", "Of the last replay: 1 right, 0 stopped by a difference.", labels=["projection"]
        )
        goes_on = told is not None and replay_progress.is_running(told)
        for name, it in (told.projections if told else {}).items():
            running.add_metric([name], goes_on and it.phase not in {"done", "failed"})
            left.add_metric([name], it.total - it.done)
            rate.add_metric([name], it.rate if goes_on else 0.0)
            if it.verified is not None:
                verified.add_metric([name], it.verified)
        yield from (running, left, rate, verified)

    def _archive(self) -> Iterator[Metric]:
        found = archive_told.read(self._services.settings.run_dir)
        records = GaugeMetricFamily("murmur_archive_records", "Records in the archive.", labels=["topic"])
        waiting = GaugeMetricFamily("murmur_archive_waiting_records", "Records that it has not yet.", labels=["topic"])
        size = GaugeMetricFamily("murmur_archive_bytes", "What they take there.", labels=["topic"])
        for topic, it in (found.topics if found else {}).items():
            records.add_metric([topic], it.archived)
            waiting.add_metric([topic], it.waiting)
            size.add_metric([topic], it.bytes)
        yield from (records, waiting, size)
        if found:
            about = "When `murmur archive run` last ended, and whether it failed."
            yield GaugeMetricFamily("murmur_archive_last_run_timestamp_seconds", about, value=found.at_ms / 1000)
            yield GaugeMetricFamily("murmur_archive_failed", about, value=bool(found.error))

    def _caches(self) -> Iterator[Metric]:
        hits = CounterMetricFamily("murmur_cache_hits", "Fragments found in memory.", labels=["cache"])
        misses = CounterMetricFamily("murmur_cache_misses", "Fragments read from a store.", labels=["cache"])
        entries = GaugeMetricFamily("murmur_cache_entries", "Fragments in memory.", labels=["cache"])
        stores = self._services.stores
        caches: dict[str, Cache] = {"tweets": stores.kept_tweets, "authors": stores.kept_authors}
        caches |= self._services.caches
        for name, cache in caches.items():
            hits.add_metric([name], cache.hits)
            misses.add_metric([name], cache.misses)
            entries.add_metric([name], len(cache))
        yield from (hits, misses, entries)
