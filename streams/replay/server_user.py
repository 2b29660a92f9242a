"""`murmur replay … --user ID` on servers: recounts one account, and says whether readers are told what the log says.

Consumes:   Kafka, once for all projections asked about; the live generations
Writes:     nothing: docs/decisions/0027 says why, and `murmur audit … --repair` mends
Guarantee:  the log is read on until both agree, for ten seconds: what is only a moment behind is no difference
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from streams.generations.servers import ServerStock
from streams.replay.findings import Report
from streams.replay.hearing import Hearing, hear_alone
from streams.replay.kinds import KINDS
from streams.replay.outcome import Outcome
from streams.replay.sample import Sample
from streams.replay.server_beside import LOOK_SECONDS, SETTLED_SECONDS
from streams.replay.servers import OnServers
from streams.replay.verify import MOST_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.settings import Settings
    from streams.parts import Projection

NOBODY = 1 << 62  # one in so many: none


class OneAccount(Sample):
    """A sample of one account: `turn` is its id."""

    def has_user(self, user_id: int) -> bool:
        """Tell whether it is the one."""
        return user_id == self.turn

    def has_tweet(self, tweet_id: int) -> bool:  # noqa: ARG002 - none is
        """No tweet is asked about by itself."""
        return False


def checked(settings: Settings, projections: Sequence[Projection], user: int) -> Iterator[Outcome]:
    """Yield what came of each projection."""
    with ExitStack() as held:
        stock = held.enter_context(closing(ServerStock(settings)))
        servers = OnServers(settings, sorted({topic for it in projections for topic in it.topics}), held)
        hearings = {it.name: Hearing(KINDS[it.name].recount(OneAccount(NOBODY, NOBODY, user))) for it in projections}
        for projection in projections:
            began, active = time.monotonic(), stock.kept.of(projection.name).active
            reader, recount = servers.reader(projection.name, active), hearings[projection.name].recount
            while True:
                hear_alone({hearings[it.name]: servers.log.end_offsets(it.topics) for it in projections}, servers.log)
                findings = [it for it, _ in zip(recount.differences(reader), range(MOST_FINDINGS), strict=False)]
                if not findings or time.monotonic() > began + SETTLED_SECONDS:
                    break
                time.sleep(LOOK_SECONDS)  # stream workers tell nobody how far they are
            spent = time.monotonic() - began
            report = Report(projection.name, "", 0, None, recount.entities(), tuple(findings), spent)
            advice = f"`murmur audit {projection.name} --repair` gives readers what the log says" if findings else ""
            yield Outcome(active, report, advice=advice)
