"""`murmur up`: everything as one command, from an empty folder to curl lines that work.

On servers (profile cluster) it makes topics and tables first, and starts several processes of each kind where the
settings say so; each has a name, kept when it starts again, and tells in `run/<name>.json` where it can be asked.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from infra import probe
from infra.data_lock import DataLock
from infra.supervisor import Child, GaveUpError, Policy, RefusedError, Supervisor
from infra.trouble import REFUSED, TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infra.settings import Settings

READY_SECONDS = {"embedded": 30.0, "cluster": 60.0}
"""Readiness takes 2 s; a log that was cut off by a crash may need its recovery first; Kafka deals partitions out again
6 s after whoever had them was killed."""

POLL_SECONDS = 0.05

MODULES = {"commands": ("commands",), "streams": ("streams", "all"), "query": ("query_api",)}
"""Name of a process → its module and arguments."""

THRIFT = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "2"}
"""glibc gives the 19 MiB of a password's hash back at once: 38 MB less for the command process when it is idle."""

_BANNER = """\
Murmuration is up{servers}. Data: {data}   logs: {data}/logs/*.log   Ctrl-C stops everything.
  feed         http://{host}:{query}/
  trends       http://{host}:{query}/trends
  pipeline     http://{host}:{query}/pipeline
  command API  http://{host}:{commands}/openapi.json
  query API    http://{host}:{query}/openapi.json
"""
_TOUR = """\
Paste this:
  TOKEN='{token}'
  curl -s 'http://{host}:{query}/api/v1/timeline/home?limit=20' -H "Authorization: Bearer $TOKEN"
  curl -s 'http://{host}:{commands}/api/v1/tweets' -H "Authorization: Bearer $TOKEN" \
-H 'Content-Type: application/json' -d '{{"content": "Hello, flock! #murmuration"}}'
The token lasts {minutes} minutes; `murmur token demo --data {data}` gives another. \
Log in as demo with the password in {data}/demo.json.
"""
_REGISTER = """\
Paste this to open an account; its answer holds an access_token:
  curl -s 'http://{host}:{commands}/api/v1/auth/register' -H 'Content-Type: application/json' \
-d '{{"username": "me", "password": "choose a long one", "display_name": "Me"}}'
"""


def run(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> int:
    """Run until SIGINT or SIGTERM; return the exit code. Raises TroubleError where it cannot start."""
    make_folders(settings)
    with DataLock(settings.data_dir, "murmur up", **_ports(settings)) as lock:
        check_ports(settings)
        settings = prepare(settings, say)
        try:
            return asyncio.run(_run(settings, lock, demo=demo, say=say))
        except GaveUpError as error:
            say(f"murmur: {error}")
            return REFUSED if isinstance(error, RefusedError) else 1


def _ports(settings: Settings) -> dict[str, object]:
    ports = {"commands_port": settings.commands_port, "query_port": settings.query_port}
    return {"host": settings.host, "profile": settings.profile, **ports}


def make_folders(settings: Settings) -> None:
    """Make the folders; raises TroubleError where the data folder cannot be written to."""
    try:
        (settings.data_dir / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(settings, error) from error


def prepare(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Settings:
    """Make what processes expect: the log's files, or topics and tables. Returns the settings, servers filled in."""
    if settings.profile == "cluster":
        from infra.servers.fleet import servers_of  # noqa: PLC0415 - loaded only by verbs that need it

        settings = servers_of(settings)
        from infra import cluster  # noqa: PLC0415 - its clients are installed where there are servers

        cluster.prepare(settings, say)
        return settings
    if max(settings.commands_workers, settings.streams_workers, settings.query_workers) > 1:
        raise TroubleError("files have one process of each kind", "leave out --workers, or use --profile cluster")
    from infra.log import embedded  # noqa: PLC0415 - the log is loaded only by verbs that need it

    try:
        topics = [topic for part in embedded.PARTS.values() for topic in part]
        embedded.ensure(settings.log_dir, dict.fromkeys(topics, settings.partitions))
    except Exception as error:
        raise _not_writable(settings, error) from error
    return settings


def _not_writable(settings: Settings, error: Exception) -> TroubleError:
    what = f"the data folder {settings.data_dir} cannot be written to ({error})"
    return TroubleError(what, "make it yours, or name another one with --data")


def check_ports(settings: Settings) -> None:
    """Raise TroubleError where a port is taken."""
    for name, port in (("commands", settings.commands_port), ("query", settings.query_port)):
        if not probe.port_is_free(settings.host, port):
            raise TroubleError(
                f"port {port} on {settings.host} is taken by another program",
                f"stop that one, or choose a port with --{name}-port",
            )


def children(settings: Settings) -> Iterator[Child]:
    """Describe the processes of the system: `streams`, or `streams-1`, `streams-2` … where there are several."""
    for kind, command in MODULES.items():
        count = getattr(settings, f"{kind}_workers")
        for name in [kind] if count == 1 else [f"{kind}-{number}" for number in range(1, count + 1)]:
            yield child(_entrusted(settings, kind).model_copy(update={"instance": name}), name, command)


def _entrusted(settings: Settings, kind: str) -> Settings:
    """Return the settings with those credentials only that a process of this kind needs."""
    if settings.profile == "embedded":
        return settings
    from infra import cluster  # noqa: PLC0415 - as above

    return cluster.entrusted(settings, "query" if kind == "query" else "app")


def child(settings: Settings, name: str, command: Sequence[str]) -> Child:
    """Describe one process of the system."""
    logs = settings.data_dir / "logs"
    environment = {**settings.environment(), **THRIFT}
    return Child(name, command[0], tuple(command[1:]), environment, logs / f"{name}.log")


async def _run(settings: Settings, lock: DataLock, *, demo: bool, say: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Supervisor(say, Policy(), lambda pids: lock.tell(children=pids)) as supervisor:
        for left in settings.run_dir.glob("*.json"):
            left.unlink()  # of processes that were killed; nobody runs here but us
        for described in children(settings):
            await supervisor.start(described)
        if not await _until_ready(settings, supervisor, stop):
            return 0
        supervisor.patient = settings.profile == "cluster"
        token = await asyncio.to_thread(_demo_token, settings) if demo else None
        if token:
            await supervisor.start(replace(child(settings, "demo", ("infra.demo",)), essential=False))
        say(banner(settings, token))
        await supervisor.wait(stop)
        say("stopping …")
    return 0


async def _until_ready(settings: Settings, supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """Wait until every process that can be asked is ready; False where the wait was ended by a signal."""
    bound = READY_SECONDS[settings.profile]
    try:
        async with asyncio.timeout(bound):
            for name in [it for it in supervisor.pids() if settings.profile == "cluster" or it != "streams"]:
                while not await asyncio.to_thread(_is_ready, settings, name):
                    supervisor.check()
                    if stop.is_set():
                        return False
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        log = settings.data_dir / "logs" / f"{name}.log"
        raise GaveUpError(f"{name} was not ready after {bound:.0f} s; read the end of {log}") from None
    return True


def _is_ready(settings: Settings, name: str) -> bool:
    told = probe.announced(settings.run_dir / f"{name}.json")
    return bool(told) and probe.is_ready(told["own_host"], told["own_port"])


def _demo_token(settings: Settings) -> str:
    from infra.demo.account import sign_in  # noqa: PLC0415 - only where there is a demo

    return sign_in(settings.data_dir, settings.host, settings.commands_port)


def banner(settings: Settings, token: str | None) -> str:
    """Return what to open and what to paste."""
    facts = {
        "host": settings.host,
        "commands": settings.commands_port,
        "query": settings.query_port,
        "data": settings.data_dir,
        "minutes": settings.access_token_minutes,
        "token": token,
        "servers": _processes(settings),
    }
    return (_BANNER + (_TOUR if token else _REGISTER)).format(**facts)


def _processes(settings: Settings) -> str:
    if settings.profile == "embedded":
        return ""
    counts = [f"{getattr(settings, f'{kind}_workers')} {kind}" for kind in MODULES]
    return f" on servers: {', '.join(counts)}"
