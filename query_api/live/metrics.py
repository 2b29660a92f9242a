"""What Prometheus asks of open streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from query_api.live.service import Live


class LiveMetrics(Collector):
    """Read when it asks."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they stand."""
        live, index = self._live, None if self._live.hub is None else self._live.hub.index
        yield GaugeMetricFamily("murmur_live_streams", "Streams that are open.", value=len(live.streams))
        viewers = 0 if index is None else len(index.viewers)
        yield GaugeMetricFamily("murmur_live_viewers", "Accounts that have streams open.", value=viewers)
        yield GaugeMetricFamily("murmur_live_up", "1 where the log is followed.", value=index is not None)
        yield CounterMetricFamily("murmur_live_deliveries", "Messages handed to streams.", value=live.delivered)
        closed = CounterMetricFamily("murmur_live_closed", "Streams ended from this side.", labels=["reason"])
        for reason, count in live.closed.items():
            closed.add_metric([reason], count)
        yield closed
