"""Makes an import: reads the file, opens the log, has the projections follow, shows how it goes on."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from commands.imports import files, passwords
from commands.imports.embedded import EmbeddedLedger
from commands.imports.graph import GraphPlan
from commands.imports.higgs import HiggsPlan
from commands.imports.ledger import Source
from commands.imports.loader import Import
from commands.imports.plan import Audience
from commands.imports.progress import Bars, JsonLines
from commands.imports.projecting import EmbeddedLags, Projecting
from commands.imports.tweets import TweetsPlan, read_tweets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from commands.imports.ledger import Ledger
    from commands.imports.loader import Advance, Plan
    from commands.imports.progress import View
    from commands.imports.projecting import Lags
    from infra.settings import Settings


def plan_of(format_: str, content: bytes, limit: int | None, *, active: bool) -> Plan:
    """Return the plan of a file's content; raises ImportFileError, naming the line."""
    audience = Audience(format_, active)
    if format_ == "tweets":
        return TweetsPlan(read_tweets(content, limit, audience), audience)
    if format_ == "higgs":
        return HiggsPlan(files.read_higgs(content, limit), audience)
    read = files.read_epinions if format_ == "epinions" else files.read_follows
    return GraphPlan(read(content, limit), audience)


async def run(settings: Settings, given: argparse.Namespace) -> bool:
    """Load the file and wait for the projections; False where a signal ended it early."""
    content = files.content_of(given.file)
    source = Source(given.format, files.digest_of(content), given.limit, given.active)
    plan = plan_of(given.format, content, given.limit, active=given.active)
    del content
    password_hash = passwords.encoded(settings, given.password) if given.password else None
    view: View = JsonLines() if given.json else Bars()
    with closing(view), opened(settings, source) as parts:
        done = await asyncio.to_thread(parts.ledger.steps_done)
        if password_hash:
            await asyncio.to_thread(parts.give, passwords.registered(plan.steps()), password_hash)
        summary = await _load(Projecting(parts.settings, parts.lags, _say), Import(parts.ledger, plan, done), view)
    if summary:
        view.done({"format": given.format, **summary})
    return summary is not None


class Parts(NamedTuple):
    """What an import is made of in a profile: its settings, with the servers filled in, and what gives passwords."""

    settings: Settings
    ledger: Ledger
    lags: Lags
    give: Callable[[Iterable[passwords.Registered], str], None]


@contextmanager
def opened(settings: Settings, source: Source) -> Iterator[Parts]:
    """Open what the profile writes to and looks at; raises TroubleError."""
    if settings.profile == "cluster":
        from commands.imports.cluster import opened_cluster  # noqa: PLC0415 - needs the extra `cluster`

        with opened_cluster(settings, source, _say) as servers:
            yield Parts(*servers)
    else:
        with closing(EmbeddedLedger(settings, source)) as ledger:
            yield Parts(settings, ledger, EmbeddedLags(settings), partial(passwords.give, settings))


async def _load(using: Projecting, wanted: Import, view: View) -> dict[str, Any] | None:
    """Append and project; return what came out, or None where a signal ended it early."""
    stop, began = _Stop(), time.monotonic()
    async with using as projecting:
        advance = await asyncio.to_thread(
            wanted.run, stop.thread, lambda at: view.appended(at, wanted.plan.total_steps)
        )
        appended_s = time.monotonic() - began
        caught_up = await projecting.catch_up(stop.loop, view.applied)
    if not caught_up or advance.steps < wanted.plan.total_steps:
        return None
    return _summary(wanted, advance, appended_s, time.monotonic() - began)


class _Stop:
    """SIGINT and SIGTERM, for the thread that appends and for the event loop."""

    def __init__(self) -> None:
        self.loop, self.thread = asyncio.Event(), threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._set)

    def _set(self) -> None:
        self.loop.set()
        self.thread.set()


def _summary(wanted: Import, advance: Advance, appended_s: float, applied_s: float) -> dict[str, Any]:
    rate = round(advance.events / applied_s)
    if wanted.done == wanted.plan.total_steps:
        message = f"already loaded: all {wanted.done:,} steps of this file are on the log"
    else:
        message = (
            f"loaded {advance.events:,} events ({advance.steps - wanted.done:,} steps): on the log after "
            f"{appended_s:.1f} s, in every projection after {applied_s:.1f} s ({rate:,} events/s)"
        )
    refused = dict(wanted.plan.refused)
    if refused:
        message += f"; rows refused: {', '.join(f'{count:,} {code}' for code, count in sorted(refused.items()))}"
    return {
        "message": message,
        "refused": refused,
        "steps": advance.steps,
        "events": advance.events,
        "appended_s": round(appended_s, 2),
        "applied_s": round(applied_s, 2),
        "events_per_s": rate,
    }


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
