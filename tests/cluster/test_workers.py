"""Worker numbers on a real Cassandra: one holder at a time, and no ids once that is not certain."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from infra import workers
from infra.clock import SystemClock
from infra.cql.schema import keyspaces
from infra.cql.session import CqlSession
from infra.trouble import TroubleError
from infra.workers import LeaseLostError, WorkerLease
from schemas.ids import unix_ms
from tests.cluster.journal_world import own_keyspace
from tests.conftest import settings_of
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet
    from infra.settings import Settings

pytestmark = pytest.mark.cluster

HOLDER = """
import sys, time
from infra.clock import SystemClock
from infra.cql.session import CqlSession
from infra.settings import Settings
from infra.workers import WorkerLease
lease = WorkerLease(CqlSession(Settings(), keyspace=sys.argv[1]), SystemClock(), int(sys.argv[2]))
print(lease.number, flush=True)
while True:
    sys.stdin.readline()
    try:
        print(lease.next_id(), flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


class SkewedClock:
    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.ahead_ms


@pytest.fixture(scope="module")
def tables(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with own_keyspace(settings_of(fleet, tmp_path_factory.mktemp("data"), "cassandra")) as settings:
        yield settings


@pytest.fixture
def session(tables: Settings) -> Iterator[CqlSession]:
    with contextlib.closing(CqlSession(tables, keyspace=keyspaces(tables).lwt)) as opened:
        opened.execute("TRUNCATE worker_leases")
        yield opened


def lease(session: CqlSession, number: int = 0, ahead_ms: int = 0) -> contextlib.closing[WorkerLease]:
    return contextlib.closing(WorkerLease(session, SkewedClock(ahead_ms), number))


def started(settings: Settings, number: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, keyspaces(settings).lwt, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=settings.environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(number)
    return process


def ask(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.communicate()


def test_each_process_has_a_number_of_its_own_and_its_ids_bear_it(session: CqlSession) -> None:
    with lease(session) as one, lease(session) as other:
        assert one.number != other.number
        assert {one.next_id() & 0xFF, other.next_id() & 0xFF} == {one.number, other.number}
        assert one.trouble is None


def test_a_number_that_was_given_back_goes_on_behind_its_last_id(session: CqlSession) -> None:
    with lease(session, 7, ahead_ms=1500) as one:
        last = one.next_id()
    with pytest.raises(LeaseLostError):
        one.next_id()
    with lease(session, 7) as other:
        assert unix_ms(other.next_id()) > unix_ms(last)


def test_a_number_that_lives_is_refused_in_one_line(tables: Settings, session: CqlSession) -> None:
    process = started(tables, 9)
    try:
        with pytest.raises(TroubleError, match=f"worker number 9 is in use by .*:{process.pid}; give each"):
            WorkerLease(session, SystemClock(), 9)
    finally:
        end(process)


def test_the_number_of_a_process_that_was_killed_is_free_after_its_lease(tables: Settings, session: CqlSession) -> None:
    process = started(tables, 11)
    last = int(ask(process))
    end(process)
    with lease(session, 11) as next_one:
        assert next_one.next_id() > last


def test_a_process_that_stood_still_gives_no_id_once_another_may_have_its_number(
    tables: Settings, session: CqlSession
) -> None:
    process = started(tables, 12)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with lease(session, 12) as other:
            os.kill(process.pid, signal.SIGCONT)
            assert ask(process) == "LeaseLostError"
            assert other.next_id()
    finally:
        end(process)


def test_a_lease_that_ran_out_is_taken_anew_with_a_free_number(session: CqlSession) -> None:
    with lease(session) as one:
        first = one.next_id()
        session.run("DELETE FROM worker_leases WHERE number = ? IF EXISTS", (one.number,), idempotent=False)
        number = one.number
        query = "SELECT holder FROM worker_leases"
        until(lambda: session.run(query), seconds=workers.LEASE_SECONDS)
        until(lambda: one.trouble is None)
        assert one.next_id() > first
        assert isinstance(number, int)


def test_ids_stop_when_the_servers_do_not_answer_and_the_lease_runs_out(tables: Settings) -> None:
    session = CqlSession(tables, keyspace=keyspaces(tables).lwt)
    with lease(session) as one:
        one.next_id()
        session.close()
        until(lambda: one.trouble is not None, seconds=workers.LEASE_SECONDS)
        with pytest.raises(LeaseLostError):
            one.next_id()


def test_a_clock_that_is_wrong_is_refused_in_one_line(session: CqlSession) -> None:
    for ahead_ms, how in ((60_000, "ahead of"), (-60_000, "behind")):
        with pytest.raises(TroubleError, match=f"clock is .* s {how} that of the database; set both by NTP"):
            WorkerLease(session, SkewedClock(ahead_ms))


def test_when_all_numbers_are_in_use_that_is_said(session: CqlSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "NUMBERS", range(2))
    with lease(session), lease(session), pytest.raises(TroubleError, match="all 2 worker numbers"):
        WorkerLease(session, SystemClock())
