"""The life of a server on this machine: started on free ports, waited for, written down, stopped, never lost.

Everything about one stands in a folder of its own, `<folder>/<name>/`: `state.json` (what runs, where), `server.log`,
its configuration, and `data/`, which outlives the process.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infra.probe import port_is_free
from infra.servers.cache import software
from infra.servers.process import Process
from infra.servers.server import ALONE, Node, Place, Server
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STATE_FILE = "state.json"
LOG_FILE = "server.log"
POLL_SECONDS = 0.05
ATTEMPTS = 3  # between choosing a free port and listening on it another process may take it
_LAST_WORDS_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Running:
    """A server as it was started; `seconds` is how long it took to be ready (0: not yet)."""

    name: str
    server: str
    version: str
    pid: int
    born: int
    ports: Mapping[str, int]
    address: str
    setting: str
    log: str
    seconds: float = 0.0
    number: int = 1
    of: int = 1
    logins: Mapping[str, str] = field(default_factory=dict)

    @property
    def process(self) -> Process:
        """Return its process."""
        return Process(self.pid, self.born)

    @property
    def node(self) -> Node:
        """Return which node of its cluster it is."""
        return Node(self.number, self.of)


def read_state(folder: Path) -> Running | None:
    """Return what was last started in an instance's folder, whether or not it lives; None where nothing was."""
    try:
        facts: dict[str, Any] = json.loads((folder / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return Running(**facts)


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a server.

    `tell` hears of the process as soon as there is one. `within` is put before the command line: what leads into other
    namespaces. A `node` of several has its ports given, and gets no others.
    """

    cache: Path
    tell: Callable[[Process], None] = lambda _: None
    within: tuple[str, ...] = ()
    node: Node = ALONE
    ports: Mapping[str, int] = field(default_factory=dict)


def start(name: str, server: Server, folder: Path, how: Start) -> Running:
    """Start a server in its folder and return when it is ready; one that runs there already is left alone.

    It gets the ports that it had, where they are free.
    Raises TroubleError where it does not start, with its last words; then nothing of it is left running.
    """
    home = software(server, how.cache)
    last = read_state(folder)
    if last is not None and last.process.alive() and last.seconds:
        return last
    ports = dict(how.ports or (last.ports if last is not None else {}))
    for _ in range(ATTEMPTS):
        if how.node == ALONE:
            ports = {port: free_port(how.node.hosts, ports.get(port, 0)) for port in server.ports}
        begun = time.monotonic()
        running = _spawn(name, server, Place(home, folder, ports, how.node), how.within)
        how.tell(running.process)
        if _wait_until_ready(server, running):
            ready = replace(running, seconds=round(time.monotonic() - begun, 2))
            _write(ready, folder)
            return ready
        kill(folder)
        if all(port_is_free(how.node.host, port) for port in ports.values()):
            break
    raise TroubleError(f"{name} does not start: {_last_words(folder)}", f"read {folder / LOG_FILE}")


def stop(folder: Path, seconds: float) -> bool:
    """Stop what runs in an instance's folder, by SIGTERM, then SIGKILL; tell whether anything ran."""
    running = read_state(folder)
    if running is None or not running.process.alive():
        return False
    running.process.stop(seconds)
    _reap(running.process)
    return True


def kill(folder: Path) -> None:
    """End what runs in an instance's folder as `kill -9` does, and wait until it is gone."""
    running = read_state(folder)
    if running is not None:
        running.process.kill()
        _reap(running.process)


def free_port(hosts: Sequence[str], wanted: int = 0) -> int:
    """Return a port that is free on each of the addresses: the wanted one, where it is."""
    while not wanted or not all(port_is_free(host, wanted) for host in hosts):
        with socket.socket() as probe:
            probe.bind((hosts[0], 0))
            wanted = probe.getsockname()[1]
    return wanted


def _spawn(name: str, server: Server, place: Place, within: Sequence[str]) -> Running:
    place.data.mkdir(parents=True, exist_ok=True)
    command = server.command(place)
    log = place.folder / LOG_FILE
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [*within, *command],
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process = Process.of(child.pid)
    logins = dict(server.logins(place)) if server.logins is not None else {}
    address = logins.get(server.setting) or server.address(place.node.host, place.client_port)
    facts = Running(
        name, server.name, server.version, *process, dict(place.ports), address, server.setting, str(log),
        number=place.node.number, of=place.node.of, logins=logins,
    )  # fmt: skip
    _CHILDREN[process] = child
    _write(facts, place.folder)
    return facts


_CHILDREN: dict[Process, subprocess.Popen[bytes]] = {}
"""The children of this very process: someone must hold on to them, since they may outlive what started them."""


def _reap(process: Process) -> None:
    child = _CHILDREN.pop(process, None)
    if child is not None:
        child.wait()


def _wait_until_ready(server: Server, running: Running) -> bool:
    deadline = time.monotonic() + server.ready_seconds
    process, port = running.process, next(iter(running.ports.values()))
    while time.monotonic() < deadline:
        if process.listens(port) and server.is_ready(running.node.host, port):
            return True
        if process.wait(POLL_SECONDS):
            return False
    return False


def _write(running: Running, folder: Path) -> None:
    part = folder / f"{STATE_FILE}.part"
    part.touch(mode=0o600)  # passwords are in it
    part.write_text(json.dumps(asdict(running), indent=2))
    part.replace(folder / STATE_FILE)


def _last_words(folder: Path) -> str:
    said = (folder / LOG_FILE).read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace").splitlines()
    return next((line for line in reversed(said) if line and not line[0].isspace()), "it said nothing")  # no stack
