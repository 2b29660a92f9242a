"""What Prometheus asks of the standing of accounts, as this process knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from projections.accounts.standings import Standings
    from query_api.moderation.quarantine import Quarantine


class ModerationMetrics(Collector):
    """Read when it asks."""

    def __init__(self, standings: Standings, quarantine: Quarantine) -> None:
        self._standings = standings
        self._quarantine = quarantine

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they stand."""
        gone, limited, quarantined = self._standings.gone, self._standings.limited, self._quarantine.flagged
        yield GaugeMetricFamily("murmur_accounts_gone", "Accounts that are not shown.", value=len(gone))
        yield GaugeMetricFamily("murmur_accounts_limited", "Accounts whose reach is limited.", value=len(limited))
        yield GaugeMetricFamily("murmur_accounts_quarantined", "Of these, for spam alone.", value=len(quarantined))
