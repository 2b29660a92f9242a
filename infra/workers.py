"""Leases a worker number, so that no two processes on any machine give the same id.

A lease is a row with a time to live, taken and renewed by compare-and-set. The process counts from before it sent the
renewal and stops giving ids MARGIN_SECONDS before the row can go; so the number has been silent for as long as clocks
may differ when somebody else gets it. A number that is given back says up to which millisecond its ids went.

Guarantee:  while a number gives ids nobody else holds it, also if this process was stopped and goes on (SIGSTOP, sleep
            of the machine), but for the instant between looking at the time and giving the id
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from infra.cql.compare_and_set import compare_and_set
from infra.projections import StoreError, StoreUnavailableError
from infra.trouble import TroubleError
from schemas.ids import MAX_WORKER, SnowflakeGenerator, unix_ms

if TYPE_CHECKING:
    from infra.clock import Clock
    from infra.cql.session import CqlSession

NUMBERS = range(MAX_WORKER)  # 255 is that of the embedded profile's dead letters
LEASE_SECONDS = 15
RENEW_SECONDS = 3.0  # three renewals may fail before ids stop
RETRY_SECONDS = 0.5
MARGIN_SECONDS = 4.0  # a row may go a second early, as times to live are in whole seconds; the rest is for clocks
MAX_SKEW_SECONDS = 2.0  # of this machine's clock to the servers'
_REMEMBERED_SECONDS = 86_400  # how long a number that was given back says so

_READ = "SELECT number, holder, described, renewed_ms FROM worker_leases WHERE number = ?"
_TAKEN = "SELECT number, holder FROM worker_leases"
_TAKE = f"""INSERT INTO worker_leases (number, holder, described, renewed_ms) VALUES (?, ?, ?, ?) IF NOT EXISTS
            USING TTL {LEASE_SECONDS}"""
_KEEP = f"""UPDATE worker_leases USING TTL {LEASE_SECONDS} SET holder = ?, described = ?, renewed_ms = ?
            WHERE number = ? IF holder = ?"""
_GIVE_BACK = _KEEP.replace(f"TTL {LEASE_SECONDS}", f"TTL {_REMEMBERED_SECONDS}")
_NOW = "SELECT toUnixTimestamp(now()) FROM system.local"
_NOBODY = ""

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

logger = logging.getLogger(__name__)


class LeaseLostError(StoreUnavailableError):
    """No ids at present: the lease could not be renewed in time, or another process has the number."""


class _Lease(NamedTuple):
    number: int
    holder: str
    described: str
    renewed_ms: int


class WorkerLease:
    """A number, renewed in the background until closed, and the ids that bear it."""

    def __init__(self, session: CqlSession, clock: Clock, number: int = 0) -> None:
        """Take a number: any that is free, or `number` where it is not 0. Raises TroubleError, StoreError.

        A given number whose holder shows no life is waited for, LEASE_SECONDS at most.
        """
        self._session = session
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._described = f"{socket.gethostname()}:{os.getpid()}"
        self._wanted = number
        self._good_until = 0.0
        self._ids: SnowflakeGenerator | None = None
        self._last_id = 0
        self.number = -1
        check_clock(session, clock)
        self._take()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._renew_on, name="worker-lease", daemon=True)
        self._thread.start()

    def next_id(self) -> int:
        """Return the next id; raises LeaseLostError."""
        if self._ids is None or _boot_seconds() > self._good_until:
            raise LeaseLostError(f"the lease of worker number {self.number} has run out")
        self._last_id = self._ids.next_id()
        return self._last_id

    @property
    def trouble(self) -> str | None:
        """Why no ids are given at present, if so: readiness is to say it."""
        if _boot_seconds() > self._good_until:
            return f"the lease of worker number {self.number} has run out"
        return None

    def _take(self) -> None:
        if self._wanted:
            self._take_wanted()
            return
        held = {number for number, holder in self._session.run(_TAKEN) if holder != _NOBODY}
        free = [number for number in NUMBERS if number not in held]
        random.shuffle(free)
        for number in free:
            if self._try(number):
                return
        raise TroubleError(f"all {len(NUMBERS)} worker numbers are in use", "stop some processes")

    def _take_wanted(self) -> None:
        seen: _Lease | None = None
        until = time.monotonic() + LEASE_SECONDS + RENEW_SECONDS
        while not self._try(self._wanted):
            lease = self._read(self._wanted)
            is_alive = seen is not None and lease is not None and seen.renewed_ms != lease.renewed_ms
            if is_alive or time.monotonic() > until:
                who = lease.described if lease else "another process"
                remedy = "give each process its own MURMURATION_WORKER, or none: a free number is leased then"
                raise TroubleError(f"worker number {self._wanted} is in use by {who}", remedy)
            seen = lease if lease is not None else seen
            time.sleep(RETRY_SECONDS)  # nobody tells when a time to live is over

    def _try(self, number: int) -> bool:
        """Take a number that is free or was given back; its ids then begin behind those that it gave."""
        began, now_ms = _boot_seconds(), self._clock.now_ms()
        taken = compare_and_set(self._session, _TAKE, (number, self._holder, self._described, now_ms))
        begin_ms = 0
        if not taken:
            lease = self._read(number)
            if lease is not None and lease.holder == _NOBODY:
                begin_ms = lease.renewed_ms
                taken = self._keep(number, _NOBODY, now_ms)
            elif lease is not None and lease.holder == self._holder:
                taken = True
        if taken:
            self._hold(number, began, begin_ms)
        return bool(taken)

    def _hold(self, number: int, began: float, begin_ms: int) -> None:
        ids = SnowflakeGenerator(number, self._clock.now_ms)
        if floor_ms := max(begin_ms, unix_ms(self._last_id)):
            ids.next_id_at(floor_ms + 1)
        self.number, self._ids = number, ids
        self._good_until = began + LEASE_SECONDS - MARGIN_SECONDS

    def _read(self, number: int) -> _Lease | None:
        rows = self._session.run(_READ, (number,))
        return _Lease(*rows[0]) if rows and rows[0][1] is not None else None

    def _keep(self, number: int, holder: str, now_ms: int) -> bool:
        """Renew a lease that `holder` has; it is this process's then."""
        kept = compare_and_set(self._session, _KEEP, (self._holder, self._described, now_ms, number, holder))
        if kept is None:
            lease = self._read(number)
            return lease is not None and lease.holder == self._holder
        return kept

    def _renew_on(self) -> None:
        pause = RENEW_SECONDS
        while not self._closing.wait(pause):
            try:
                pause = RENEW_SECONDS if self._renew() else RETRY_SECONDS
            except (StoreError, TroubleError) as error:
                pause = RETRY_SECONDS
                if self.trouble:
                    logger.warning("no ids can be given: %s", error)

    def _renew(self) -> bool:
        began = _boot_seconds()
        if self._keep(self.number, self._holder, self._clock.now_ms()):
            self._good_until = began + LEASE_SECONDS - MARGIN_SECONDS
            return True
        self._good_until = 0.0  # it ran out, and may be another's: begin anew, with another number if need be
        logger.warning("the lease of worker number %s has run out; another is taken", self.number)
        if not self._wanted:
            self._take()
            return True
        return self._try(self._wanted)

    def close(self) -> None:
        """Give the number back; no ids from here on. A repeat changes nothing."""
        self._closing.set()
        self._thread.join()
        self._good_until = 0.0
        last_ms = max(unix_ms(self._last_id), self._clock.now_ms())
        try:
            values = (_NOBODY, self._described, last_ms, self.number, self._holder)
            compare_and_set(self._session, _GIVE_BACK, values)
        except StoreError as error:
            logger.info("worker number %s is not given back, it runs out: %s", self.number, error)


def check_clock(session: CqlSession, clock: Clock) -> None:
    """Raise TroubleError where this machine's clock and the servers' differ too much for leases and ids."""
    before = time.monotonic()
    server_ms: int = session.run(_NOW)[0][0]
    half_way_s = (time.monotonic() - before) / 2  # as uncertain as that is what the server said
    ahead_s = (clock.now_ms() - server_ms) / 1000 - half_way_s
    if abs(ahead_s) > MAX_SKEW_SECONDS + half_way_s:
        how = f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'}"
        raise TroubleError(f"this machine's clock is {how} that of the database", "set both by NTP")


def _boot_seconds() -> float:
    return time.clock_gettime(_BOOT_CLOCK)
