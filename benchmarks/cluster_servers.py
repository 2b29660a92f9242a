"""Servers for a benchmark of the cluster profile, and what they and other processes have spent.

Each run has servers of its own, on empty folders. MURMURATION_TEST_SERVERS names a folder whose servers are used
instead and go on afterwards: for whoever writes a benchmark; their topics are made anew.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from redis import Redis

from benchmarks.cpu import cpu_seconds, wait_for_rest
from infra.cluster import TOPICS, prepare
from infra.servers import Fleet, running
from infra.servers.redis import operator_url
from infra.settings import PREFIX, Settings
from tests.cluster.kafka_log import delete_topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL = ("kafka", "redis", "cassandra", "objects")


class Servers(NamedTuple):
    """The servers of a run, and settings that point there, on a data folder of their own."""

    fleet: Fleet
    settings: Settings

    def cpu_s(self, name: str) -> float:
        """Return the CPU seconds that a server has used since it was started."""
        return cpu_seconds(self.fleet[name].pid)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process on these servers, with further settings."""
        return {**self.settings.environment(), **{f"{PREFIX}{name.upper()}": value for name, value in more.items()}}


@contextmanager
def started(*names: str) -> Iterator[Servers]:
    """Run servers; nothing is made on them yet."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if kept := os.environ.get("MURMURATION_TEST_SERVERS"):
            fleet = Fleet(Path(kept), Settings().servers_cache)
            fleet.start(*(name for name in names if not fleet.alive(name)))
            yield Servers(fleet, _settings(fleet, data, names))
            return
        with running(names, Path(folder) / "servers") as fleet:
            yield Servers(fleet, _settings(fleet, data, names))


@contextmanager
def prepared(**settings: str) -> Iterator[Servers]:
    """Run all servers of the profile, with empty topics and tables."""
    with started(*ALL) as servers:
        full = Settings.model_validate({**servers.settings.model_dump(), **settings})
        delete_topics(full.kafka_bootstrap, TOPICS)
        with closing(Redis.from_url(operator_url(servers.fleet["redis"]))) as redis:
            redis.flushall()
        prepare(full)
        wait_for_rest()
        yield servers._replace(settings=full)


def _settings(fleet: Fleet, data: Path, names: Sequence[str]) -> Settings:
    name = f"bench_{secrets.token_hex(4)}"
    own = {"profile": "cluster", "data_dir": data, "cassandra_keyspace": name, "elasticsearch_prefix": name}
    there = fleet.settings()
    if "elasticsearch" not in names:
        there.pop("elasticsearch_urls", None)  # it would take its part of the machine
    return Settings.model_validate({**own, **there})
