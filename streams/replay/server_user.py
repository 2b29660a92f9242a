"""`murmur replay … --user ID` on servers: recounts one account, and gives readers what the log says where it is wrong.

Consumes:   Kafka; the live generations
Writes:     no row (docs/decisions/0027 says why). A home timeline is let lapse, so that reads gather it anew; what that
            does not mend, and all other projections, are rebuilt beside, and read instead (streams.replay.server_audit)
Guarantee:  the log is read on until both agree, for ten seconds: what is only a moment behind is no difference
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from projections.home_timeline import read_model as home_timeline
from streams.generations.servers import ServerStock
from streams.replay.findings import Report
from streams.replay.hearing import Hearing, hear_alone
from streams.replay.kinds import KINDS
from streams.replay.options import AuditOptions
from streams.replay.outcome import Outcome
from streams.replay.sample import only
from streams.replay.server_audit import ServerAudit
from streams.replay.server_beside import LOOK_SECONDS, SETTLED_SECONDS
from streams.replay.servers import OnServers
from streams.replay.verify import MOST_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.settings import Settings
    from streams.parts import Projection


def repaired(
    settings: Settings, projections: Sequence[Projection], user: int, *, as_json: bool, dry_run: bool
) -> Iterator[Outcome]:
    """Yield what came of each projection; `dry_run`: only look."""
    with ExitStack() as held:
        account = Account(settings, projections, user, held)
        for projection in projections:
            found = account.recounted(projection)
            if found.right or dry_run:
                yield found
            elif projection.name == home_timeline.PROJECTION and account.gathered(projection).right:
                yield found._replace(mended=1)
            else:
                asked = AuditOptions(projection.name, repair=True, user=user, as_json=as_json)
                yield ServerAudit(settings, asked).outcome()


class Account:
    """What readers are told of one account, and what the log says of it."""

    def __init__(self, settings: Settings, projections: Sequence[Projection], user: int, held: ExitStack) -> None:
        self._stock = held.enter_context(closing(ServerStock(settings)))
        self._servers = OnServers(settings, sorted({topic for it in projections for topic in it.topics}), held)
        self._hearings = {it.name: Hearing(KINDS[it.name].recount(only(user))) for it in projections}
        self._topics = {it.name: it.topics for it in projections}
        self._user = user

    def recounted(self, projection: Projection) -> Outcome:
        """Compare the live generation with the log; all recounts hear what was written by now."""
        began, active = time.monotonic(), self._stock.kept.of(projection.name).active
        reader, recount = self._servers.reader(projection.name, active), self._hearings[projection.name].recount
        while True:
            ends = {self._hearings[name]: self._servers.log.end_offsets(it) for name, it in self._topics.items()}
            hear_alone(ends, self._servers.log)
            findings = [it for it, _ in zip(recount.differences(reader), range(MOST_FINDINGS), strict=False)]
            if not findings or time.monotonic() > began + SETTLED_SECONDS:
                break
            time.sleep(LOOK_SECONDS)  # stream workers tell nobody how far they are
        spent = time.monotonic() - began
        report = Report(projection.name, "", 0, None, recount.entities(), tuple(findings), spent)
        return Outcome(active, report, advice=f"differences: {len(findings)}; without --dry-run they are mended")

    def gathered(self, projection: Projection) -> Outcome:
        """Let the home timeline lapse; return what readers are told then, recounted from the beginning."""
        self._hearings[projection.name] = Hearing(KINDS[projection.name].recount(only(self._user)))
        self._servers.let_lapse(self._stock.kept.of(projection.name).active, self._user)
        return self.recounted(projection)
