"""`murmur generations`: reads the command line, opens what it is about, and prints what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from infra.clock import SystemClock, rfc3339
from infra.generations.changes import Generations
from infra.generations.record import State
from infra.settings import Settings
from infra.trouble import TroubleError
from streams.generations.gc import Unneeded, collect, held_back, unneeded
from streams.generations.moves import promote, rollback, waiting
from streams.generations.stock import FileStock
from streams.projections import PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.generations.record import Generation, Record
    from streams.generations.stock import Stock
    from streams.parts import Projection

STILL_THERE = 1  # exit code: not all could be deleted


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit code. Raises TroubleError."""
    asked = _parsed(arguments)
    with closing(open_stock(Settings())) as stock:
        generations = Generations(stock.kept, SystemClock())
        if asked.verb == "list":
            return _list(stock, as_json=asked.json)
        if asked.verb == "gc":
            return _gc(stock, generations, asked)
        projection = _projection(asked.projection)
        if asked.verb == "drop":
            generations.drop(projection.name, asked.generation)
            return _delete(stock, generations, [Unneeded(projection, asked.generation, on_record=True)])
        if asked.verb == "promote":
            record = promote(stock, generations, projection, asked.generation, force=asked.force)
        else:
            record = rollback(stock, generations, projection, force=asked.force)
        _print(f"{projection.name}: readers follow generation {record.active}; before: {record.previous}")
        return 0


def open_stock(settings: Settings) -> Stock:
    """Return what there is; raises TroubleError."""
    if settings.profile == "cluster":
        from streams.generations.servers import ServerStock  # noqa: PLC0415 - its clients are installed with servers

        return ServerStock(settings)
    return FileStock(settings)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streams generations")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list").add_argument("--json", action="store_true")
    for name in ("promote", "rollback", "drop"):
        verb = verbs.add_parser(name)
        verb.add_argument("projection")
        if name != "rollback":
            verb.add_argument("generation", type=int)
        if name != "drop":
            verb.add_argument("--force", action="store_true")
    gc = verbs.add_parser("gc")
    gc.add_argument("--keep", type=int, default=1)
    gc.add_argument("--frozen", action="store_true")
    gc.add_argument("--dry-run", action="store_true")
    return parser.parse_args(arguments)


def _projection(name: str) -> Projection:
    known = {it.name: it for it in PROJECTIONS}
    if name not in known:
        raise TroubleError(f"there is no projection {name!r}", f"there are: {', '.join(known)}")
    return known[name]


def _list(stock: Stock, *, as_json: bool) -> int:
    records = [(projection, stock.kept.of(projection.name)) for projection in PROJECTIONS]
    if as_json:
        _print(json.dumps([_told(stock, *it) for it in records], indent=2))
        return 0
    for projection, record in records:
        for it in record.generations:
            _print(_line(stock, projection, record, it))
    return 0


def _told(stock: Stock, projection: Projection, record: Record) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(record)
    for it in told["generations"]:
        it["waiting"] = waiting(stock, projection, it["number"])
    return told


def _line(stock: Stock, projection: Projection, record: Record, it: Generation) -> str:
    role = {record.active: "active", record.previous: "before"}.get(it.number, "")
    if it.until:
        behind = "at positions" if it.until_ms is None else f"as of {rfc3339(it.until_ms)}"
    else:
        left = None if it.state is State.DROPPING else waiting(stock, projection, it.number)
        behind = "" if left is None else f"{left:,} records waiting" if left else "up to date"
    found = it.verification
    verified = "" if found is None else ("verified: " if found.verified else "FOUND WRONG: ") + found.report
    return f"{record.projection:14} {it.number:3}  {role:6}  {it.state:9}  {behind:30}  {verified or it.note}".rstrip()


def _gc(stock: Stock, generations: Generations, asked: argparse.Namespace) -> int:
    if asked.keep < 0:
        raise TroubleError(f"--keep is {asked.keep}", "say how many generations to keep beside the active one, or 0")
    wanted = [it for projection in PROJECTIONS for it in unneeded(stock, projection, asked.keep, frozen=asked.frozen)]
    for projection in PROJECTIONS:
        for line in held_back(stock.kept.of(projection.name), frozen=asked.frozen):
            _print(line)
    if not asked.dry_run:
        return _delete(stock, generations, wanted)
    for it in wanted:
        parts = ", ".join(stock.parts(it.projection, it.number)) or "nothing is there of it"
        _print(f"{it.projection.name}: generation {it.number} would be deleted: {parts}")
    return 0


def _delete(stock: Stock, generations: Generations, wanted: Sequence[Unneeded]) -> int:
    left = 0
    for it, user in collect(stock, generations, wanted, _print):
        left += bool(user)
        done = f"is still there: {user}; run it again later" if user else "is deleted"
        _print(f"{it.projection.name}: generation {it.number} {done}")
    if not wanted:
        _print("nothing to delete")
    return STILL_THERE if left else 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
