"""Runs the demo: `python -m infra.demo [--rate N] [--people N] [--for SECONDS]`; `murmur demo` becomes this process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from random import Random

from infra.demo.account import DEMO_USER, Passwords
from infra.demo.client import Api, Member
from infra.demo.people import MOST_PEOPLE, Person, people
from infra.demo.town import Town
from infra.settings import Settings
from infra.trouble import TroubleError

SEED = 20_120_704
DEFAULT_PEOPLE = 24  # with the user demo, and a retry, within the 30 sign-ins a minute that one address has
REFUSED = 2


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="murmur demo", description=__doc__)
    parser.add_argument("--rate", type=float, default=2.0, help="things that happen in a second")
    parser.add_argument("--people", type=int, default=DEFAULT_PEOPLE)
    parser.add_argument("--for", type=float, dest="seconds", help="seconds to go on for; until stopped if not given")
    given = parser.parse_args(argv)
    if given.rate <= 0 or not 1 < given.people <= MOST_PEOPLE:
        parser.error(f"--rate must be above 0 and --people from 2 to {MOST_PEOPLE}")
    return given


async def _run(settings: Settings, given: argparse.Namespace) -> None:
    passwords = Passwords(settings.data_dir)
    dice = Random(SEED)  # noqa: S311 - the same people every time
    api = Api(f"http://{settings.host}:{settings.commands_port}", dice, _say)
    visitor = Person(DEMO_USER, "Demo", "Just looking.", "")
    everybody = [visitor, *people(dice, given.people)]
    for person in everybody:
        passwords.of(person.username)
    passwords.save()
    first, *others = [Member(api, passwords, person, dice) for person in everybody]
    if passwords.settled:
        dice.seed()  # another day: the same people, other words
    town = Town(first, others, dice)
    try:
        if not passwords.settled:
            await town.settle()
            passwords.settled = True
            passwords.save()
            _say(f"{len(others)} people have settled: {town.done} things done so far")
        await town.live(given.rate, given.seconds)
    finally:
        await api.close()
        _say(f"{town.done} things done")


def _say(line: str) -> None:
    sys.stderr.write(f"demo: {line}\n")


async def _until_stopped(settings: Settings, given: argparse.Namespace) -> None:
    task = asyncio.ensure_future(_run(settings, given))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def main(argv: list[str]) -> int:
    """Run until stopped; return the exit code."""
    given, trouble = _arguments(argv), ""
    try:
        asyncio.run(_until_stopped(Settings(), given))
    except* (TroubleError, PermissionError) as errors:
        trouble = f"{errors.exceptions[0]}"
    if trouble:
        _say(trouble)
    return REFUSED if trouble else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
