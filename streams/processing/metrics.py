"""What is counted of the decoding of uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class ProcessingMetrics:
    """One a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = Counter(
            "murmur_media_settled", "Uploads by what became of them.", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "murmur_media_decoding_seconds",
            "From the fetching of an upload to the keeping of what is shown.",
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
        )
        self._memory = Gauge("murmur_media_child_memory_bytes", "Most memory of any decoding child.", registry=registry)
        self._most = 0
        self.collected = Counter("murmur_media_collected", "Media whose bytes were deleted.", registry=registry)

    def settled(self, outcome: str, seconds: float, memory_bytes: int) -> None:
        """Note an upload: its kind or the reason why it failed, how long it took, the most memory of a child."""
        self._settled.labels(outcome).inc()
        self._seconds.observe(seconds)
        self._most = max(self._most, memory_bytes)
        self._memory.set(self._most)
