"""`murmur up`: the embedded profile as one command, from an empty folder to curl lines that work."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from infra import probe
from infra.data_lock import DataLock
from infra.supervisor import Child, GaveUpError, Policy, Supervisor
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.settings import Settings

READY_SECONDS = 30.0  # readiness takes 2 s; a log that was cut off by a crash may need its recovery first
POLL_SECONDS = 0.05

MODULES = {"commands": ("commands",), "streams": ("streams", "all"), "query": ("query_api",)}
"""Name of a process → its module and arguments."""

THRIFT = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "2"}
"""glibc gives the 19 MiB of a password's hash back at once: 38 MB less for the command process when it is idle."""

_BANNER = """\
Murmuration is up. Data: {data}   logs: {data}/logs/*.log   Ctrl-C stops everything.
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
    prepare(settings)
    with DataLock(settings.data_dir, "murmur up", **_ports(settings)) as lock:
        check_ports(settings)
        try:
            return asyncio.run(_run(settings, lock, demo=demo, say=say))
        except GaveUpError as error:
            say(f"murmur: {error}")
            return 1


def _ports(settings: Settings) -> dict[str, object]:
    return {"host": settings.host, "commands_port": settings.commands_port, "query_port": settings.query_port}


def prepare(settings: Settings) -> None:
    """Make the folders and the log's files; raises TroubleError where the folder cannot be written to."""
    from infra.log import embedded  # noqa: PLC0415 - the log is loaded only by verbs that need it

    if settings.profile != "embedded":
        what = f"the processes do not run on the {settings.profile} profile yet: its parts are there, not their wiring"
        raise TroubleError(what, "leave MURMURATION_PROFILE at embedded")
    try:
        (settings.data_dir / "logs").mkdir(parents=True, exist_ok=True)
        topics = [topic for part in embedded.PARTS.values() for topic in part]
        embedded.ensure(settings.log_dir, dict.fromkeys(topics, settings.partitions))
    except Exception as error:
        what = f"the data folder {settings.data_dir} cannot be written to ({error})"
        raise TroubleError(what, "make it yours, or name another one with --data") from error


def check_ports(settings: Settings) -> None:
    """Raise TroubleError where a port is taken."""
    for name, port in (("commands", settings.commands_port), ("query", settings.query_port)):
        if not probe.port_is_free(settings.host, port):
            raise TroubleError(
                f"port {port} on {settings.host} is taken by another program",
                f"stop that one, or choose a port with --{name}-port",
            )


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
        for name, command in MODULES.items():
            await supervisor.start(child(settings, name, command))
        if not await _until_ready(settings, supervisor, stop):
            return 0
        token = await asyncio.to_thread(_demo_token, settings) if demo else None
        if token:
            await supervisor.start(replace(child(settings, "demo", ("infra.demo",)), essential=False))
        say(banner(settings, token))
        await supervisor.wait(stop)
        say("stopping …")
    return 0


async def _until_ready(settings: Settings, supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """Wait until both APIs are ready; False where the wait was ended by a signal."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            for port in (settings.commands_port, settings.query_port):
                while not await asyncio.to_thread(probe.is_ready, settings.host, port):
                    supervisor.check()
                    if stop.is_set():
                        return False
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        logs = settings.data_dir / "logs"
        raise GaveUpError(f"port {port} was not ready after {READY_SECONDS:.0f} s; read the logs in {logs}") from None
    return True


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
    }
    return (_BANNER + (_TOUR if token else _REGISTER)).format(**facts)
