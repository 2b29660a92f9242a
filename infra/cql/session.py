"""One connection pool to Scylla or Cassandra: prepared statements, many at once, waited for without blocking the loop.

Reads and writes are LOCAL_QUORUM, compare-and-set is SERIAL within the data centre. Statements are prepared once a
process. The driver's own retries are off for writes that are not idempotent; those told to be so are also sent to
a second replica when the first is slow (speculative execution).
"""

from __future__ import annotations

from concurrent.futures import Future
from itertools import islice
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    RequestExecutionException,
    Unauthorized,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import (
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    TokenAwarePolicy,
)
from cassandra.query import BatchStatement, BatchType, SimpleStatement, tuple_factory

from infra import bridge
from infra.cql.calls import Batch, Call, Row
from infra.projections import StoreError, StoreUnavailableError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from infra.settings import Settings

IN_FLIGHT = 96  # requests of one `run_all` at a time; the driver's own trouble begins at some 1,000
REQUEST_SECONDS = 10.0
SPECULATE_AFTER_SECONDS = 0.05  # a dead replica answers never; p99 of a live one is below
SPECULATIONS = 2
SCAN_ROWS = 2_000  # of a page: a few megabytes at most
SCAN_SECONDS = 30.0
REFUSES = "refuses the role"

__all__ = ["Batch", "Call", "CqlSession", "Row", "translated"]


class CqlSession:
    """Open until closed; used by one event loop, or by plain code. Raises StoreUnavailableError, StoreError."""

    def __init__(self, settings: Settings, *, keyspace: str | None = None) -> None:
        """Connect; raises TroubleError where nobody answers or the role is refused. `keyspace`: "" for none."""
        hosts, port = _contact_points(settings.cassandra_hosts)
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.cassandra_datacenter)),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
            request_timeout=REQUEST_SECONDS,
            row_factory=tuple_factory,
            speculative_execution_policy=ConstantSpeculativeExecutionPolicy(SPECULATE_AFTER_SECONDS, SPECULATIONS),
        )
        auth = PlainTextAuthProvider(settings.cassandra_user, settings.cassandra_password)
        try:
            self._cluster = Cluster(
                hosts,
                port=port,
                auth_provider=auth if settings.cassandra_user else None,
                execution_profiles={EXEC_PROFILE_DEFAULT: profile},
                reconnection_policy=ExponentialReconnectionPolicy(0.1, 2.0),
                protocol_version=4,
                idle_heartbeat_interval=5,
                connect_timeout=REQUEST_SECONDS,
            )
        except UnresolvableContactPoints as error:
            raise _cannot_connect(settings, error) from error
        keyspace = settings.cassandra_keyspace if keyspace is None else keyspace
        try:
            self._session = self._cluster.connect()
            if keyspace:
                self._session.set_keyspace(keyspace)  # told to connect() a missing one makes the host count as down
            self._session.default_fetch_size = None  # a callback is given the first page of an answer, and no other
        except (NoHostAvailable, DriverException) as error:
            self._cluster.shutdown()
            raise _cannot_connect(settings, error) from error
        self._prepared: dict[str, Any] = {}
        self._prepare_lock = Lock()

    @property
    def keyspace(self) -> str:
        """The keyspace of names without one."""
        return str(self._session.keyspace)

    def run(self, statement: str, values: Sequence[Any] = (), *, idempotent: bool = True) -> list[Row]:
        """Run one statement; return its rows."""
        return self.run_all([Call(statement, values, idempotent)])[0]

    def run_all(self, calls: Iterable[Call | Batch]) -> list[list[Row]]:
        """Run the statements, IN_FLIGHT at a time and in no order; return the rows of each.

        Where one fails, the others that were sent may be applied.
        """
        calls = list(calls)
        self._prepare_all(calls)
        return bridge.wait(_Running(self, calls).begin())

    def prepare(self, statements: Iterable[str]) -> None:
        """Have these ready before they are needed: preparing takes a round trip, and whoever does it blocks."""
        done: Future[None] = Future()

        def beside() -> None:
            try:
                for statement in statements:
                    self._prepare(statement)
            except (DriverException, NoHostAvailable) as error:
                done.set_exception(translated(error))
            else:
                done.set_result(None)

        Thread(target=beside, name="prepare", daemon=True).start()
        bridge.wait(done)

    def scan(self, statement: str) -> Iterator[Row]:
        """Read all that a statement selects, page by page: a whole table. Blocks; for tools."""
        asked = SimpleStatement(statement, fetch_size=SCAN_ROWS, is_idempotent=True)
        try:
            yield from self._session.execute(asked, timeout=SCAN_SECONDS)
        except (DriverException, NoHostAvailable) as error:
            raise translated(error) from error

    def nodes_of(self, call: Call) -> Hashable:
        """Tell on which nodes the partition of a call lies: calls of which it is the same may share a message."""
        metadata = self._cluster.metadata
        if len(metadata.all_hosts()) == 1:
            return None
        self._prepare_all((call,))
        return frozenset(metadata.get_replicas(self._session.keyspace, self._bound(call).routing_key))

    def execute(self, statement: str) -> None:
        """Run a statement that is not prepared: definitions of tables, roles. Blocks."""
        try:
            self._session.execute(statement, timeout=60.0)
        except (DriverException, NoHostAvailable) as error:
            raise translated(error) from error

    def _send(self, call: Call | Batch) -> Any:
        return self._session.execute_async(self._bound(call))

    def _bound(self, call: Call | Batch) -> Any:
        if isinstance(call, Batch):
            batch = BatchStatement(BatchType.UNLOGGED)
            for one in call.calls:
                batch.add(self._bound(one))
            batch.is_idempotent = all(one.idempotent for one in call.calls)
            return batch
        bound = self._prepare(call.statement).bind(call.values)
        bound.is_idempotent = call.idempotent
        return bound

    def _prepare_all(self, calls: Iterable[Call | Batch]) -> None:
        """Prepare what is new: answers are taken by the driver's one thread, where preparing would wait for itself."""
        statements = {it.statement for call in calls for it in (call.calls if isinstance(call, Batch) else (call,))}
        try:
            for statement in statements - self._prepared.keys():
                self._prepare(statement)
        except (DriverException, NoHostAvailable) as error:
            raise translated(error) from error

    def _prepare(self, statement: str) -> Any:
        prepared = self._prepared.get(statement)
        if prepared is None:
            with self._prepare_lock:
                prepared = self._prepared[statement] = self._session.prepare(statement)
        return prepared

    def close(self) -> None:
        """Close all connections."""
        self._cluster.shutdown()


class _Running:
    """The calls of one `run_all`: each that ends sends the next."""

    def __init__(self, session: CqlSession, calls: Sequence[Call | Batch]) -> None:
        self._session = session
        self._rows: list[list[Row]] = [[] for _ in calls]
        self._left = len(calls)
        self._waiting = iter(enumerate(calls))
        self._lock = Lock()
        self._done: Future[list[list[Row]]] = Future()

    def begin(self) -> Future[list[list[Row]]]:
        if not self._left:
            self._done.set_result([])
        for at, call in list(islice(self._waiting, IN_FLIGHT)):
            self._send(at, call)
        return self._done

    def _send(self, at: int, call: Call | Batch) -> None:
        try:
            answer = self._session._send(call)  # noqa: SLF001 - one class in two
        except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for the future
            self._fail(error)
        else:
            answer.add_callbacks(self._ended, self._fail, callback_args=(at,))

    def _ended(self, rows: list[Row] | None, at: int) -> None:
        self._rows[at] = list(rows or ())
        with self._lock:
            self._left -= 1
            following = next(self._waiting, None)
            finished = not self._left
        if following is not None and not self._done.done():
            self._send(*following)
        elif finished and not self._done.done():
            self._done.set_result(self._rows)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if not self._done.done():
                self._done.set_exception(translated(error))


def translated(error: Exception) -> StoreError:
    """Tell an error that may pass from one that will not."""
    said = f"CQL: {type(error).__name__}: {error}"
    passing = (NoHostAvailable, OperationTimedOut, RequestExecutionException, ConnectionError)
    refused = isinstance(error, Unauthorized) and "timed out" not in str(error)  # whether it may, nobody could say
    if isinstance(error, passing) and not refused:
        return StoreUnavailableError(said)
    return StoreError(said)


def _contact_points(hosts: str) -> tuple[list[str], int]:
    pairs = [place.strip().rpartition(":") for place in hosts.split(",") if place.strip()]
    if not pairs:
        raise TroubleError("no Scylla or Cassandra is named", "set MURMURATION_CASSANDRA_HOSTS to host:port")
    ports = {port for _, _, port in pairs}
    if len(ports) > 1 or not all(port.isdigit() for port in ports):
        raise TroubleError(f"cassandra_hosts is {hosts!r}", "write host:port of each, all with the same port")
    return [host for host, _, _ in pairs], int(ports.pop())


def _cannot_connect(settings: Settings, error: Exception) -> TroubleError:
    where = f"Scylla or Cassandra at {settings.cassandra_hosts}"
    told = getattr(error, "errors", None) or [error]  # by host, or a list
    causes = list(told.values()) if isinstance(told, dict) else list(told)
    if any(isinstance(cause, AuthenticationFailed) for cause in causes):
        what = f"{where} {REFUSES} {settings.cassandra_user!r}"
        return TroubleError(what, "set MURMURATION_CASSANDRA_USER and MURMURATION_CASSANDRA_PASSWORD")
    if isinstance(error, UnresolvableContactPoints):
        return TroubleError(f"{where}: there is no such host", "correct MURMURATION_CASSANDRA_HOSTS")
    if "Keyspace" in str(error):
        what = f"{where} has no keyspace {settings.cassandra_keyspace!r}"
        return TroubleError(what, "make it: `murmur migrate`")
    return TroubleError(f"{where} does not answer ({causes[0]})", "start it, or correct MURMURATION_CASSANDRA_HOSTS")
