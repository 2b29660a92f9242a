"""The whole system as its users run it: real processes on a data folder of their own, reached over HTTP only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import httpx

from infra.auth.seals import seals_on_files
from infra.log.embedded import EmbeddedLogReader, open_appender
from infra.objects.opening import open_objects
from infra.settings import PREFIX, Settings
from schemas import codec
from tests.ports import free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from infra.log.port import LogReader, Record
    from infra.objects.port import ObjectStore
    from tests.e2e.canaries import Canaries

ROOT = Path(__file__).parents[2]
CAUGHT_UP_SECONDS = 120.0
INSTANCE = b"MURMURATION_INSTANCE="


def children_of(pid: int) -> dict[str, int]:
    """Name → pid of the processes that a supervisor has now."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it may end while it is looked at
            for variable in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                if variable.startswith(INSTANCE):
                    found[variable.removeprefix(INSTANCE).decode()] = int(child)
    return found


class Apis(Protocol):
    """Where people reach a system, and what it wrote down."""

    @property
    def commands(self) -> str: ...

    @property
    def query(self) -> str: ...

    def log(self) -> AbstractContextManager[LogReader]: ...


class System:
    """`murmur up --no-demo` on free ports; use as a context manager."""

    ready_seconds = 90.0
    root = ROOT
    """Of the program's tree."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.commands_port, self.query_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "MURMURATION_RATE_LIMITS": "off",
            "MURMURATION_ARGON2_MEMORY_KIB": "64",
            **{f"MURMURATION_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def commands(self) -> str:
        return f"http://127.0.0.1:{self.commands_port}"

    @property
    def query(self) -> str:
        return f"http://127.0.0.1:{self.query_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def settings(self) -> Settings:
        """What its processes are told."""
        named = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
        told = {named[variable]: value for variable, value in self.environment.items() if variable in named}
        return Settings.model_validate({**told, "data_dir": self.data})

    @contextmanager
    def objects(self) -> Iterator[ObjectStore]:
        """Open where its objects are."""
        yield open_objects(self.settings)

    def found(self, canaries: Canaries) -> dict[str, list[str]]:
        """Return which canaries are left in anything that it keeps, and where."""
        return canaries.found_in(self.data)

    def bury(self, records: Sequence[Record]) -> None:
        """Append dead letters, as a projection does that cannot apply something."""
        with closing(open_appender(self.data / "log", "derived", {})) as derived:
            derived.append_blocking(records)

    def murmur(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command line on this data folder, in a session of its own, as a terminal is one."""
        command = [sys.executable, "-m", "infra.cli", *arguments, "--data", str(self.data)]
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
        )

    def start(self) -> Self:
        command = [sys.executable, "-m", "infra.cli", "up", "--no-demo", "--data", str(self.data)]
        command += ["--commands-port", str(self.commands_port), "--query-port", str(self.query_port)]
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.out").open("ab") as out:
            self._process = subprocess.Popen(command, cwd=self.root, env=self.environment, stdout=out, stderr=out)
        self.wait_until_ready()
        return self

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def children(self) -> dict[str, int]:
        """Name → pid of its processes: `commands`, or `commands-1` and so on where there are several."""
        return children_of(self.pid)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int | None:
        """kill -9 one of the processes and return its pid, or None where it is down already."""
        pid = self.children().get(name)
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it has just ended by itself
            return None
        return pid

    @contextmanager
    def log(self) -> Iterator[LogReader]:
        """Read the log itself, and what is under seals in it."""
        codec.open_with(seals_on_files(Settings(data_dir=self.data)))
        with closing(EmbeddedLogReader(self.data / "log")) as log:
            yield log

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: all(map(self._answers, self.to_be_ready())), self.ready_seconds)

    def to_be_ready(self) -> list[str]:
        """Where those are asked who must be ready."""
        return [self.commands, self.query]

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return as soon as the condition holds; fail where it does not in time, or the system has ended."""

        def looked() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self.data / "up.out").read_text()
            return condition()

        until(looked, seconds)

    @staticmethod
    def _answers(base: str) -> bool:
        try:
            return httpx.get(f"{base}/readyz", timeout=10).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_until_caught_up(self) -> None:
        """Wait until every projection has applied the whole log."""
        self.wait_for(lambda: self.lag() == 0, CAUGHT_UP_SECONDS)

    def lag(self) -> int:
        """Events that some projection has not applied; -1 where nobody can tell."""
        told = self.projections()
        return -1 if told is None else sum(projection["lag_events"] for projection in told)

    def projections(self) -> list[dict[str, Any]] | None:
        """What the query API tells of each; None where nobody can tell."""
        try:
            answer = httpx.get(f"{self.query}/projections", timeout=15)
        except httpx.TransportError:  # the query process is just being started again
            return None
        if answer.status_code != httpx.codes.OK:
            return None
        told: list[dict[str, Any]] = answer.json()["projections"]
        return told

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


class Beside:
    """One process more than `murmur up` keeps, on ports of its own: nobody starts it again. Use as a context manager.

    `within` is put before its command line, and `host` is where it is reached there.
    """

    def __init__(
        self, system: System, name: str, *command: str, within: Sequence[str] = (), host: str = "127.0.0.1"
    ) -> None:
        self._system = system
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        ports = ("COMMANDS_PORT", "QUERY_PORT", "STREAMS_METRICS_PORT")
        own = {"DATA_DIR": str(system.data), "INSTANCE": name, "HOST": host, **dict.fromkeys(ports, str(self.port))}
        environment = {**system.environment, **{f"MURMURATION_{name}": value for name, value in own.items()}}
        with (system.data / "logs" / f"{name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*within, sys.executable, "-m", *command], cwd=system.root, env=environment, stdout=log, stderr=log
            )
        self._log = system.data / "logs" / f"{name}.log"

    def is_ready(self) -> bool:
        """Ask it; fails where it has ended."""
        assert self.process.poll() is None, self._log.read_text()[-3000:]
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=10).status_code == httpx.codes.OK
        return False

    def wait_until_ready(self) -> None:
        """Wait until it says that it is ready."""
        until(self.is_ready, self._system.ready_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to stop, if it runs still, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
