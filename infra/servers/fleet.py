"""Servers together: those of `murmur servers`, which go on by themselves, and those of a `with`, which end with it."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infra.servers import launcher
from infra.servers.cache import locked
from infra.servers.cassandra import CASSANDRA
from infra.servers.elasticsearch import ELASTICSEARCH
from infra.servers.kafka import KAFKA
from infra.servers.launcher import Start
from infra.servers.objects import OBJECTS
from infra.servers.redis import REDIS
from infra.servers.registry import REGISTRY
from infra.servers.server import Node
from infra.settings import PREFIX, Settings
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.servers.launcher import Running
    from infra.servers.process import Process
    from infra.servers.server import Server

SERVERS: Mapping[str, Server] = {
    server.name: server for server in (KAFKA, REDIS, CASSANDRA, REGISTRY, ELASTICSEARCH, OBJECTS)
}
WANTED = tuple(name for name, server in SERVERS.items() if server.setting)
"""Those that the profile uses."""
MAX_NODES = 10
LINE_BYTES = 1000  # more than a line of a server's log has, but for a stack trace
FOLDER = "servers"
"""Where in the data folder those of `murmur servers` live."""


def server_of(name: str) -> Server:
    """Return what a name means: a kind, a further instance of one (`redis-2`), or a node of a cluster (`kafka.2`)."""
    named = re.fullmatch(r"([a-z]+)(-\d+)?(\.\d+)?", name)
    kind = SERVERS.get(named[1]) if named else None
    if named is None or kind is None or (named[3] and kind.copies is None):
        raise TroubleError(f"there is no server {name!r}", f"the servers are {', '.join(SERVERS)} (and redis-2 …)")
    return kind


def nodes_of(name: str) -> list[str]:
    """Return the names that one stands for: `kafka*3` for kafka.1, kafka.2 and kafka.3, any other for itself."""
    cluster, times, nodes = name.partition("*")
    if not times:
        return [name]
    if not nodes.isdigit() or not 1 < int(nodes) < MAX_NODES:
        raise TroubleError(f"there is no {name!r}", "write a number of nodes, as in kafka*3")
    return [f"{cluster}.{number}" for number in range(1, int(nodes) + 1)]


class Fleet:
    """The instances in one folder, by name; each may be started, stopped and killed by itself."""

    def __init__(self, folder: Path, cache: Path, tell: Callable[[Process], None] = lambda _: None) -> None:
        self._folder = folder.absolute()
        self._cache = cache
        self._tell = tell

    def start(self, *names: str, within: Sequence[str] = ()) -> None:
        """Start them side by side; return when all are ready, or raise the first TroubleError when all were tried.

        `kafka*3` starts three nodes of one cluster, kafka.1 and so on; afterwards each has its own name.
        """
        with locked(self._folder / "lock"):
            hows = {each: how for name in names for each, how in self._hows(name, tuple(within))}
            with ThreadPoolExecutor(max(1, len(hows))) as pool:
                starts = [pool.submit(self._start, name, how) for name, how in hows.items()]
        for start in starts:
            start.result()

    def _hows(self, name: str, within: tuple[str, ...]) -> Iterator[tuple[str, Start]]:
        how = Start(self._cache, self._tell, within)
        names = nodes_of(name)
        kind, last = server_of(names[0]), launcher.read_state(self._folder / names[0])
        if "." not in names[0]:
            yield name, how
        elif last is not None:
            for each in names:
                yield each, replace(how, node=Node(int(each.rpartition(".")[2]), last.of), ports=last.ports)
        elif len(names) == 1:
            raise TroubleError(f"{name} is a node of no cluster", "start all of its nodes first, as in kafka*3")
        else:
            hosts = Node(of=len(names)).hosts
            ports = {port: launcher.free_port(hosts) for port in kind.ports}
            for number, each in enumerate(names, start=1):
                yield each, replace(how, node=Node(number, len(names)), ports=ports)

    def _start(self, name: str, how: Start) -> Running:
        return launcher.start(name, server_of(name), self._folder / name, how)

    def stop(self, *names: str) -> list[str]:
        """Stop them side by side, by SIGTERM, then SIGKILL; return the names of those that ran."""
        bounds = {name: server_of(name).stop_seconds for name in names}
        with locked(self._folder / "lock"), ThreadPoolExecutor(max(1, len(names))) as pool:
            stops = {name: pool.submit(launcher.stop, self._folder / name, bound) for name, bound in bounds.items()}
        return [name for name, stopped in stops.items() if stopped.result()]

    def kill(self, name: str) -> None:
        """End one as `kill -9` does."""
        launcher.kill(self._folder / name)

    def names(self) -> list[str]:
        """Return the names of all that were ever started here."""
        return sorted(path.parent.name for path in self._folder.glob(f"*/{launcher.STATE_FILE}"))

    def __getitem__(self, name: str) -> Running:
        running = launcher.read_state(self._folder / name)
        if running is None:
            raise KeyError(name)
        return running

    def alive(self, name: str) -> bool:
        """Tell whether it runs."""
        running = launcher.read_state(self._folder / name)
        return running is not None and running.process.alive()

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is to be told of one, running or not."""
        alive, last = self.alive(name), launcher.read_state(self._folder / name)
        return {
            "name": name,
            "running": alive,
            "version": last.version if last else server_of(name).version,
            "address": last.address if last and alive else None,
            "ports": dict(last.ports) if last and alive else {},
            "pid": last.pid if last and alive else None,
            "memory_mb": last.process.memory() // 1_000_000 if last and alive else 0,
            "ready_seconds": last.seconds if last and alive else 0.0,
            "log": str(self._folder / name / launcher.LOG_FILE),
        }

    def log(self, name: str, lines: int) -> list[str]:
        """Return the last lines of its log."""
        file = self._folder / name / launcher.LOG_FILE
        if not file.exists():
            return []
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - lines * LINE_BYTES))
            return log.read().decode(errors="replace").splitlines()[-lines:]

    def environment(self) -> dict[str, str]:
        """Return what `settings` tells as environment variables."""
        return {f"{PREFIX}{name.upper()}": value for name, value in self.settings().items()}

    def settings(self) -> dict[str, str]:
        """Return the settings that tell where those that live are; several of one kind in the order of their names."""
        addresses: dict[str, list[str]] = {}
        credentials: dict[str, str] = {}
        for running in (self[name] for name in self.names()):
            if running.setting and running.process.alive():
                for setting, address in (running.logins or {running.setting: running.address}).items():
                    addresses.setdefault(setting, []).append(address)
                credentials |= SERVERS[running.server].credentials
                credentials |= _copies(running)
        return {**{setting: ",".join(those) for setting, those in addresses.items()}, **credentials}


@contextmanager
def running(names: Sequence[str], folder: Path, cache: Path | None = None) -> Iterator[Fleet]:
    """Run servers for the length of a `with`: none outlives it, nor this process, however it ends."""
    command = [sys.executable, "-m", "infra.servers.guardian"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, bufsize=0) as guardian:  # noqa: S603 - our own
        ear = guardian.stdin
        assert ear is not None  # noqa: S101 - it was asked for above
        fleet = Fleet(folder, cache or Settings().servers_cache, lambda it: _told(ear.write(b"%d %d\n" % it)))
        try:
            fleet.start(*names)
            yield fleet
        finally:
            fleet.stop(*fleet.names())


def _copies(running: Running) -> Mapping[str, str]:
    copies = SERVERS[running.server].copies
    return copies(running.of) if copies is not None and running.of > 1 else {}


def _told(_: int | None) -> None:
    """Drop the number of bytes written: a line is less than what a pipe takes at once."""


def of(settings: Settings) -> Fleet:
    """Return the servers of `murmur servers` on a data folder."""
    return Fleet(settings.data_dir / FOLDER, settings.servers_cache)


def located(settings: Settings, *needed: str) -> Settings:
    """Return the settings with what they leave empty filled in from the servers that run on the data folder.

    Raises TroubleError where a needed one stays empty.
    """
    found = {name: value for name, value in of(settings).settings().items() if not getattr(settings, name)}
    full = settings.model_copy(update=found)
    for name in needed:
        if not getattr(full, name):
            raise TroubleError(f"the setting {name} is empty and no such server runs", "start it: `murmur servers up`")
    return full


def servers_of(settings: Settings) -> Settings:
    """Return the settings with the addresses of the servers; raises TroubleError where one is nowhere to be found."""
    return located(settings, "kafka_bootstrap", "cassandra_hosts", "redis_urls")
