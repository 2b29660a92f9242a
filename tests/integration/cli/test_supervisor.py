"""The supervisor over real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from infra.supervisor import Child, GaveUpError, Policy, RefusedError, Supervisor
from tests.waiting import BOUND_SECONDS, soon, until

ROOT = Path(__file__).parents[3]
QUICK = Policy(first_delay_s=0.01, longest_delay_s=0.02, young_deaths=3, stop_s=1.0)

PATIENT = "import pathlib, os, signal, sys\npathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\nsignal.pause()\n"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PATIENT
REFUSING = "import sys\nsys.stderr.write('refusing: no such thing; bring it\\n')\nsys.exit(2)\n"
DYING = "import sys\nprint('no luck', flush=True)\nsys.exit(3)\n"


def child_of(folder: Path, source: str) -> Child:
    (folder / "patient.py").write_text(source)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    return Child("patient", "patient", (str(folder / "pid"),), environment, folder / "patient.log")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_in(folder: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int((folder / "pid").read_text())
    return 0


async def another_pid(folder: Path, than: int = 0) -> int:
    await asyncio.to_thread(until, lambda: pid_in(folder) not in {0, than})
    return pid_in(folder)


async def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    async with Supervisor(said.append, QUICK) as supervisor:
        await supervisor.start(child_of(tmp_path, PATIENT))
        first = await another_pid(tmp_path)
        os.kill(first, signal.SIGKILL)
        second = await another_pid(tmp_path, than=first)
        await soon(lambda: supervisor.pids() == {"patient": second})  # it may be heard of before it is noted
    assert "patient ended by SIGKILL" in said[0]
    assert not alive(second)


async def test_a_child_that_keeps_dying_young_is_given_up(tmp_path: Path) -> None:
    async with Supervisor(lambda _: None, QUICK) as supervisor:
        await supervisor.start(child_of(tmp_path, DYING))
        async with asyncio.timeout(BOUND_SECONDS):
            with pytest.raises(GaveUpError, match=r"exit code 3, 3 times in a row; read the end of .*patient\.log"):
                await supervisor.wait(asyncio.Event())
    assert supervisor.starts == {"patient": 3}
    assert (tmp_path / "patient.log").read_text() == "no luck\n" * 3


async def test_a_child_that_says_why_it_cannot_run_ends_everything_with_its_line(tmp_path: Path) -> None:
    async with Supervisor(lambda _: None, QUICK) as supervisor:
        await supervisor.start(child_of(tmp_path, REFUSING))
        async with asyncio.timeout(BOUND_SECONDS):
            with pytest.raises(RefusedError, match=r"^refusing: no such thing; bring it$"):
                await supervisor.wait(asyncio.Event())


async def test_once_all_was_up_a_child_that_refuses_is_tried_for_ever_and_its_line_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    async with Supervisor(said.append, QUICK) as supervisor:
        supervisor.patient = True
        await supervisor.start(child_of(tmp_path, REFUSING))
        await asyncio.to_thread(until, lambda: supervisor.starts["patient"] > QUICK.young_deaths + 2)
        supervisor.check()
    assert [line.split(";")[0] for line in said] == ["refusing: no such thing"]


async def test_a_child_that_does_not_listen_is_killed_when_all_stops(tmp_path: Path) -> None:
    async with Supervisor(lambda _: None, Policy(stop_s=0.2)) as supervisor:
        await supervisor.start(child_of(tmp_path, DEAF))
        pid = await another_pid(tmp_path)
    assert not alive(pid)


def test_a_supervisor_that_is_killed_leaves_no_orphans(tmp_path: Path) -> None:
    child = child_of(tmp_path, PATIENT)
    script = textwrap.dedent(f"""
        import asyncio, os, pathlib
        from infra.supervisor import Child, Supervisor
        async def main():
            async with Supervisor(print) as supervisor:
                await supervisor.start(Child("patient", "patient", ({child.arguments[0]!r},), dict(os.environ),
                    pathlib.Path({str(child.log)!r})))
                await supervisor.wait(asyncio.Event())
        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script], env=dict(child.environment)) as supervisor:
        until(lambda: pid_in(tmp_path))
        supervisor.kill()
    until(lambda: not alive(pid_in(tmp_path)))


async def test_a_child_that_is_not_essential_may_be_given_up_while_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    async with Supervisor(said.append, QUICK) as supervisor:
        await supervisor.start(replace(child_of(tmp_path, DYING), essential=False))
        stop = asyncio.Event()
        waiting = asyncio.create_task(supervisor.wait(stop))
        await asyncio.to_thread(until, lambda: any("3 times in a row" in line for line in said))
        assert not waiting.done()
        stop.set()
        await waiting


async def test_a_log_that_has_grown_large_is_put_aside_while_its_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.supervisor.MAX_LOG_BYTES", 5)
    (tmp_path / "patient.log").write_text("much, much, much\n")
    async with Supervisor(lambda _: None, QUICK) as supervisor:
        await supervisor.start(child_of(tmp_path, PATIENT))
        await asyncio.to_thread(until, lambda: (tmp_path / "patient.log").stat().st_size == 0)
    assert (tmp_path / "patient.log.1").read_text() == "much, much, much\n"
