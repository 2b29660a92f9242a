"""`murmur audit`: compares what is live with the log at this moment, and mends it where rows can be put right.

Consumes:   the log, and the live file, of which a snapshot is held
Writes:     a file beside, rebuilt up to the snapshot's positions, which is deleted at the end; with --repair the live
            file's wrong rows, in one transaction that waits for, and holds up, the stream worker's batches
Guarantee:  every row is compared, not a sample; what is mended was compared again while nobody could write
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from infra.clock import SystemClock
from infra.generations.changes import Generations
from infra.generations.files import FileGenerations
from infra.log.doorbell import Bell
from infra.settings import Settings
from infra.sqlite.connections import Durability, open_writer, rows
from infra.sqlite.content import compare
from infra.sqlite.mending import mend
from infra.sqlite.projection_store import generation_path
from infra.trouble import TroubleError
from streams.replay.build import Build, Throttle, build
from streams.replay.dry_run import opened_log
from streams.replay.findings import REBUILT
from streams.replay.hearing import Hearing
from streams.replay.kinds import KINDS, chosen
from streams.replay.lock import ReplayLock
from streams.replay.options import AuditOptions, parsed_audit
from streams.replay.outcome import Outcome, show
from streams.replay.plan import wanted_sample
from streams.replay.sample import sample_of
from streams.replay.verify import Subject, pinned, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from infra.archive.reader import ArchivedLog
    from infra.sqlite.content import RowDifference
    from streams.parts import Projection
    from streams.replay.findings import Report
    from streams.replay.kinds import Kind

WRONG = 1  # exit code
MOST_MENDED = 10_000
FILE = "audit.db"


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code. Raises TroubleError."""
    options = parsed_audit(arguments)
    settings = Settings()
    (projection,) = chosen([options.projection])
    if settings.profile == "cluster":
        from streams.replay.server_audit import ServerAudit  # noqa: PLC0415 - its clients are installed with servers

        outcome = ServerAudit(settings, options).outcome()
    else:
        with closing(opened_log(settings)) as log:
            log.check(projection.topics)
            outcome = Audit(settings, log, projection, options).run()
    show(outcome, options)
    return 0 if outcome.right else WRONG


def repair_user(
    settings: Settings, projections: Sequence[Projection], user: int, *, as_json: bool, dry_run: bool = False
) -> int:
    """Put right what is held of an account: on files in place, on servers as server_user says; return the exit code.

    `dry_run`: only tell of it.
    """
    if settings.profile == "cluster":
        return _repair_on_servers(settings, projections, user, as_json=as_json, dry_run=dry_run)
    for projection in projections:
        kind = KINDS[projection.name]
        if not kind.mendable and kind.gather is None:
            what = f"{projection.name} cannot be repaired for one account"
            raise TroubleError(what, f"`murmur replay {projection.name}` builds all of it anew")
    right = True
    with closing(opened_log(settings)) as log:
        log.check(sorted({topic for it in projections for topic in it.topics}))
        for projection in projections:
            options = AuditOptions(projection.name, repair=not dry_run, user=user, as_json=as_json)
            outcome = Audit(settings, log, projection, options).run()
            show(outcome, options)
            right = right and (outcome.right or not dry_run)
    return 0 if right else WRONG


def _repair_on_servers(
    settings: Settings, projections: Sequence[Projection], user: int, *, as_json: bool, dry_run: bool
) -> int:
    from streams.replay.server_user import repaired  # noqa: PLC0415 - its clients are installed with servers

    right = True
    for outcome in repaired(settings, projections, user, as_json=as_json, dry_run=dry_run):
        show(outcome, AuditOptions(outcome.report.projection, user=user, as_json=as_json))
        right = right and outcome.right
    return 0 if right else WRONG


class Audit:
    """One audit of the live generation of one projection."""

    def __init__(self, settings: Settings, log: ArchivedLog, projection: Projection, options: AuditOptions) -> None:
        self._settings = settings
        self._log = log
        self._projection = projection
        self._kind: Kind = KINDS[projection.name]
        self._options = options
        generations = Generations(FileGenerations(settings.projections_dir), SystemClock())
        self._generation = generations.of(projection.name).active
        self._live = generation_path(settings.projections_dir, projection.name, self._generation)
        self._rebuilt = self._live.with_name(FILE)

    def run(self) -> Outcome:
        """Compare, and mend where asked to."""
        if not self._live.exists():
            raise TroubleError(f"{self._projection.name} was never built", "start the stream workers: `murmur up`")
        with ExitStack() as held:
            held.enter_context(closing(ReplayLock(self._live.parent)))
            self._remove()
            held.callback(self._remove)
            with ExitStack() as snapshot:
                report = self._report(snapshot)
            if not self._options.repair or (report.right and self._options.user is None):
                return Outcome(self._generation, report)
            return self._repaired(report)

    def _report(self, held: ExitStack) -> Report:
        live = held.enter_context(pinned(self._kind, self._live))
        sample = sample_of(*wanted_sample(self._log), self._options.sample, self._generation)
        hearing = Hearing(self._kind.recount(sample))
        bulk = self._kind.open_bulk or self._projection.open_store
        with closing(bulk(self._rebuilt, self._log.log_id, self._settings)) as store:
            goes_to = Build(
                self._projection.name, self._projection.project, store, live.upto, self._kind.passes_over,
                hearing=hearing,
            )  # fmt: skip
            build(self._log, [goes_to], Throttle(0))
            if finish := getattr(store, "finish", None):
                finish()
        with pinned(self._kind, self._rebuilt) as rebuilt:
            subject = Subject(
                self._projection.name, self._kind, live, hearing, rebuilt, self._generation, beside=REBUILT
            )
            return verify([subject], self._log, sample.turn)[self._projection.name]

    def _repaired(self, report: Report) -> Outcome:
        """Put rows right, where rows are all that there is to it."""
        replay = f"`murmur replay {self._projection.name}` builds it anew and swaps it in"
        if not self._kind.mendable and self._options.user is None:
            return Outcome(self._generation, report, 0, f"rows alone do not mend it; {replay}")
        with closing(open_writer(self._live, Durability.FULL)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                differences = self._differences(connection)
                if not (self._options.user is not None or differences) or len(differences) > MOST_MENDED:
                    connection.execute("ROLLBACK")
                    what = "more rows are wrong than are mended in place" if differences else "no row is wrong"
                    return Outcome(self._generation, report, 0, f"{what}; {replay}")
                mend(connection, differences)
                self._tell_caches(connection, differences)
                if self._kind.gather is not None and self._options.user is not None:
                    self._kind.gather(connection, self._options.user)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        with closing(Bell(self._live)) as bell:
            bell.ring()
        return Outcome(self._generation, report, len(differences))

    def _differences(self, live: apsw.Connection) -> list[RowDifference]:
        """Compare again, now that nobody writes: with a file that is brought up to where the live one stands."""
        with closing(self._projection.open_store(self._rebuilt, self._log.log_id, self._settings)) as store:
            with closing(self._kind.open_reader(self._live)) as reader:
                upto = reader.checkpoints()
            goes_on = Build(self._projection.name, self._projection.project, store, upto, self._kind.passes_over)
            build(self._log, [goes_on], Throttle(0))
        with pinned(self._kind, self._rebuilt) as rebuilt:
            return [
                it
                for table in self._kind.content.tables
                for it in compare(live, rebuilt.connection, table, MOST_MENDED + 1).differences
                if self._concerns(it)
            ]

    def _concerns(self, it: RowDifference) -> bool:
        """Tell whether a row names the account that is repaired; where all are, every row does."""
        user = self._options.user
        return user is None or any(value == user for row in (it.one, it.other) if row for value in row)

    def _tell_caches(self, live: apsw.Connection, differences: list[RowDifference]) -> None:
        """Let query processes forget what they keep of rows that have changed."""
        if rows(live, "SELECT 1 FROM sqlite_schema WHERE name = 'changes' AND type = 'table'"):
            live.executemany("INSERT INTO changes (id) VALUES (?)", [(it.key[0][1],) for it in differences])

    def _remove(self) -> None:
        for path in self._rebuilt.parent.glob(f"{FILE}*"):
            path.unlink()
