"""`python -m commands users …`: an operator decides about an account, beside the processes that run.

What is decided is an event like any other, by actor 0; running processes hear of it within a second. A suspension and
a reset password also end all sessions of the account, and with them its streams.
"""

from __future__ import annotations

import json
import secrets
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from commands import claims
from commands.accounts.handler import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from commands.bootstrap import open_services
from commands.decision import Stamp
from commands.errors import CommandRefusedError
from commands.privacy import closing
from commands.standing import handler
from commands.standing.command import GiveRole, Restore, Suspend, Verify
from infra.clock import rfc3339
from infra.journal.port import Commit
from infra.trouble import TroubleError
from projections.accounts.read_model import ADMIN, FOREVER_MS, MODERATOR, USER

if TYPE_CHECKING:
    import argparse

    from commands.services import Services
    from commands.standing.command import Standing
    from infra.settings import Settings
    from projections.accounts.read_model import Account

OPERATOR = 0
DAY_MS = 86_400_000
NEW_PASSWORD_BYTES = 15

VERBS = ("promote", "demote", "suspend", "restore", "verify", "unverify", "reset-password", "show", "erase")


class Asked(NamedTuple):
    """What the operator wants."""

    verb: str
    username: str
    days: int | None = None
    reason: str = ""
    admin: bool = False
    stdin: bool = False
    dry_run: bool = False
    now: bool = False


def add_arguments(verbs: Any) -> None:
    """Describe the verb to the command line of the process."""
    users: argparse.ArgumentParser = verbs.add_parser("users", help="decide about an account")
    users.add_argument("what", choices=VERBS)
    users.add_argument("username")
    users.add_argument("--days", type=int)
    users.add_argument("--reason", default="")
    for flag in ("--admin", "--stdin", "--dry-run", "--now"):
        users.add_argument(flag, action="store_true")


def asked(given: argparse.Namespace) -> Asked:
    """Return what was asked for."""
    return Asked(
        given.what, given.username, given.days, given.reason, given.admin, given.stdin, given.dry_run, given.now
    )


async def run(settings: Settings, wanted: Asked) -> None:
    """Do it, or say what would be done; raises TroubleError."""
    services, close = open_services(settings)
    said: list[dict[str, Any]] = []
    try:
        await services.run(_run(services, wanted, said))
    finally:
        close()
    print(json.dumps(said[0]))  # noqa: T201 - a command's output


async def _run(services: Services, wanted: Asked, said: list[dict[str, Any]]) -> None:
    user_id = services.journal.owner(claims.username_key(wanted.username))
    if user_id is None:
        raise TroubleError(f"there is no account named {wanted.username}", "names have no case; look it up: /search")
    try:
        said.append(await _done(services, wanted, user_id))
    except CommandRefusedError as error:
        raise TroubleError(f"{error.code}: {error.detail or wanted.verb}", "nothing was changed") from error


async def _done(services: Services, wanted: Asked, user_id: int) -> dict[str, Any]:
    account = await services.views.account(user_id)
    now_ms = services.clock.now_ms()
    facts = {"username": wanted.username, "action": wanted.verb, "dry_run": wanted.dry_run}
    if account is not None:
        facts |= {"before": _shown(account, now_ms)}
    if wanted.verb == "show":
        return facts
    if wanted.verb == "reset-password":
        return facts | await _reset(services, wanted, user_id)
    if wanted.verb == "erase":
        return facts | await closing.erase(services, user_id, now=wanted.now, dry_run=wanted.dry_run)
    command = _command(wanted, user_id, now_ms)
    handler.check(command, now_ms)
    if wanted.dry_run:
        return facts | {"would_say": type(handler.decide(command, _stamp(services))).__name__}
    event = handler.decide(command, _stamp(services))
    await services.journal.commit(Commit((event,), (), (), 200, b"", None))
    ended = await services.registry.end_sessions(user_id) if isinstance(command, Suspend) else 0
    after = await services.views.account(user_id)
    return facts | {"said": type(event).__name__, "sessions_ended": ended, "after": after and _shown(after, now_ms)}


def _command(wanted: Asked, user_id: int, now_ms: int) -> Standing:
    match wanted.verb:
        case "suspend":
            until_ms = 0 if wanted.days is None else now_ms + wanted.days * DAY_MS
            return Suspend(user_id, until_ms, wanted.reason)
        case "restore":
            return Restore(user_id)
        case "verify" | "unverify":
            return Verify(user_id, verified=wanted.verb == "verify")
        case "promote":
            return GiveRole(user_id, ADMIN if wanted.admin else MODERATOR)
        case _:
            return GiveRole(user_id, USER)


async def _reset(services: Services, wanted: Asked, user_id: int) -> dict[str, Any]:
    password = sys.stdin.readline().rstrip("\n") if wanted.stdin else secrets.token_urlsafe(NEW_PASSWORD_BYTES)
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise TroubleError("the password is not valid", f"use {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    if wanted.dry_run:
        return {"would_say": "nothing: a password is no event"}
    if not await services.registry.set_password(user_id, password):
        raise TroubleError(f"{wanted.username} has no password", "it was imported without one: import it with one")
    ended = await services.registry.end_sessions(user_id)
    return {"sessions_ended": ended, **({} if wanted.stdin else {"password": password})}


def _stamp(services: Services) -> Stamp:
    return Stamp(OPERATOR, services.clock.now_ms(), "operator", services.next_id)


def _shown(account: Account, now_ms: int) -> dict[str, Any]:
    until_ms = account.suspended_until_ms
    ends = rfc3339(until_ms) if now_ms < until_ms < FOREVER_MS else None
    standing = {"status": account.standing.status_at(now_ms), "suspended_until": ends, "role": account.role}
    return {**standing, "verified": account.verified, "limited": account.limited}
