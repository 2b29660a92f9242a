"""The life of a server, with small ones of the test's own."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from infra.probe import port_is_free
from infra.servers import launcher
from infra.servers.process import Process
from infra.servers.server import LOOPBACK, Place, Server
from infra.servers.wire import talk
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LISTENING = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"here")
"""
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LISTENING
BROKEN = "import sys\nprint('the disk is purple', flush=True)\nsys.exit(3)\n"


def server(source: str, ready_seconds: float = 60.0) -> Server:
    def fetch(folder: Path) -> None:
        (folder / "server.py").write_text(source)

    def command(place: Place) -> Sequence[str]:
        return [sys.executable, str(place.software / "server.py"), str(place.client_port)]

    return Server(
        "small", "1", ("small",), fetch, command, lambda host, port: talk(host, port, b"?", 4) == b"here",
        lambda host, port: f"{host}:{port}",
        ready_seconds=ready_seconds,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "small"
    launcher.kill(tmp_path / "small")


def start(folder: Path, source: str = LISTENING) -> launcher.Running:
    return launcher.start("small", server(source), folder, launcher.Start(folder.parent / "cache"))


def test_a_server_is_fetched_once_started_and_written_down(folder: Path) -> None:
    running = start(folder)
    assert running.process.listens(running.ports["small"])
    assert launcher.read_state(folder) == running
    assert start(folder) == running
    assert [path.name for path in (folder.parent / "cache").iterdir() if path.is_dir()] == ["small-1"]


def test_a_stop_leaves_no_process_and_no_port_and_a_start_takes_the_same_again(folder: Path) -> None:
    first = start(folder)
    assert launcher.stop(folder, 10.0)
    assert not first.process.alive()
    assert port_is_free(LOOPBACK, first.ports["small"])
    assert not launcher.stop(folder, 10.0)
    assert start(folder).ports == first.ports


def test_a_server_that_does_not_listen_to_a_stop_is_killed(folder: Path) -> None:
    running = start(folder, DEAF)
    assert launcher.stop(folder, 0.1)
    assert not running.process.alive()


def test_a_port_that_another_has_taken_is_left_to_it(folder: Path) -> None:
    first = start(folder)
    launcher.kill(folder)
    with socket.create_server((LOOPBACK, first.ports["small"])):
        assert not first.process.listens(first.ports["small"])
        assert start(folder).ports != first.ports


def test_a_server_that_does_not_start_says_why_in_one_line(folder: Path) -> None:
    with pytest.raises(TroubleError, match=r"small does not start: the disk is purple; read .*/server.log"):
        start(folder, BROKEN)
    last = launcher.read_state(folder)
    assert last is not None
    assert not last.process.alive()


def test_a_server_that_is_never_ready_is_ended(folder: Path) -> None:
    never = server("import signal\nprint('still thinking', flush=True)\nsignal.pause()\n", ready_seconds=5.0)
    with pytest.raises(TroubleError, match="small does not start: still thinking"):
        launcher.start("small", never, folder, launcher.Start(folder.parent / "cache"))
    last = launcher.read_state(folder)
    assert last is not None
    assert not last.process.alive()


def test_a_later_process_with_the_same_pid_is_never_meant(folder: Path) -> None:
    running = start(folder)
    facts = json.loads((folder / launcher.STATE_FILE).read_text())
    (folder / launcher.STATE_FILE).write_text(json.dumps({**facts, "born": facts["born"] - 1}))
    assert not launcher.stop(folder, 1.0)
    assert running.process.alive()
    (folder / launcher.STATE_FILE).write_text(json.dumps(facts))


def test_software_that_cannot_be_fetched_leaves_nothing_half_done(folder: Path) -> None:
    def fetch(into: Path) -> None:
        (into / "half").touch()
        raise TroubleError("no line", "mend it")

    broken = Server("small", "1", ("small",), fetch, lambda _: [], lambda *_: True, lambda host, _: host)
    with pytest.raises(TroubleError, match="no line; mend it"):
        launcher.start("small", broken, folder, launcher.Start(folder.parent / "cache"))
    assert [path.name for path in (folder.parent / "cache").iterdir()] == ["small-1.lock"]


def test_a_process_that_is_gone_is_known_to_be(folder: Path) -> None:
    running = start(folder)
    launcher.kill(folder)
    assert running.process.wait(0.0)
    assert running.process.memory() == 0
    with pytest.raises(ProcessLookupError):
        Process.of(running.pid)
