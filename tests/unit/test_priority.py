from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.priority import AUTOGROUP, MOST, give_way_as_session

GIVE_WAY = """
import os
from infra.priority import give_way
give_way({nice})
print(os.nice(0), os.sched_getscheduler(0))
"""


def after_giving_way(nice: int) -> tuple[int, int]:
    command = [sys.executable, "-c", GIVE_WAY.format(nice=nice)]
    found, policy = map(int, subprocess.run(command, capture_output=True, check=True, timeout=30).stdout.split())
    return found, policy


@pytest.mark.parametrize("nice", [0, 4])
def test_who_gives_way_a_little_is_nice(nice: int) -> None:
    assert after_giving_way(nice) == (min(MOST, os.nice(0) + nice), os.sched_getscheduler(0))


def test_who_gives_way_to_all_runs_where_nobody_else_wants_to() -> None:
    assert after_giving_way(MOST) == (MOST, os.SCHED_IDLE)


def niceness(pid: int | str = "self") -> list[str]:
    """How nice the session of a process is, in one word; none where the kernel makes no group of it.

    Then the file is missing, or empty: in a control group, and where `noautogroup` was asked for.
    """
    group = Path(AUTOGROUP.format(pid=pid))
    return group.read_text().split()[-1:] if group.exists() else []


def test_a_session_gives_way_to_others() -> None:
    waiting = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        grouped = niceness(waiting.pid)
        give_way_as_session(waiting.pid, 7)
        assert niceness(waiting.pid) == (["7"] if grouped else [])
    finally:
        waiting.communicate(b"\n", timeout=30)


@pytest.mark.parametrize("alone", [False, True])
def test_who_began_its_session_gives_way_with_it(*, alone: bool) -> None:
    """A terminal's session goes on as it is: what is typed there next is another matter."""
    ask = (
        "from infra.priority import give_way; from tests.unit.test_priority import niceness;"
        "print(*niceness()); give_way(5); print(*niceness())"
    )
    command = [sys.executable, "-c", ask]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30, text=True, start_new_session=alone)
    before, after = ran.stdout.splitlines()
    assert after == ("5" if alone and before else before)


def test_nothing_is_said_where_a_process_has_ended() -> None:
    give_way_as_session(2**22 + 1, 7)
