"""Registers accounts and opens their sessions, in an order in which a crash leaves no half account.

1. the secrets (password hash, data key) under a new id: nobody's yet, and swept away if it stays so;
2. AccountRegistered, SignedIn and the claims on name and address in one transaction: from here on the account is;
3. a session and its tokens: if these are lost, the owner logs in.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from commands import claims
from commands.accounts import handler
from commands.accounts.answer import SessionAnswer, UserAnswer
from commands.accounts.guessable import check_not_guessable
from commands.decision import Stamp
from commands.errors import CommandRefusedError
from commands.execution import encode
from commands.privacy import departure
from infra.auth.scopes import of_role
from infra.http.problems import Problem
from infra.journal.port import AlreadyClaimedError, Answer, Commit, IdempotencyKey
from projections.accounts.read_model import ACTIVE, DELETED, USER
from projections.accounts.standings import refusal_of
from schemas.accounts.events import SignedIn
from schemas.catalogue import ACCOUNTS

if TYPE_CHECKING:
    from commands.accounts.command import Register
    from commands.accounts.registry import Tokens
    from commands.services import Services
    from projections.accounts.read_model import Account

MAX_AGENT_CHARS = 200
LAST_TOLD_MS = 253_402_300_800_000  # the year 10000: whoever is suspended as long is so without an end
NOBODY = 0  # the subject of idempotency keys sent before there is an account


class Caller(NamedTuple):
    """The request that asks, the key it may have sent, and what it calls itself."""

    request_id: str
    idempotency_key: str | None = None
    agent: str = ""


def agent_of(header: str) -> str:
    """Return what is kept of a User-Agent, for the owner to know a session by."""
    return "".join(char for char in header[:MAX_AGENT_CHARS] if char.isprintable())


async def register(services: Services, command: Register, password: str, caller: Caller) -> Answer:
    """Open an account and its first session.

    A key counts per username. The answer that is kept has no tokens, and its request's hash no password: a repeat
    must show the password again, and gets a session of its own.
    """
    handler.check_register(command, password)
    check_not_guessable(password, command.username, "password")
    key = _key(command, caller.idempotency_key)
    answer = services.journal.answered(key) if key else None
    if answer is None:
        answer = await _open_account(services, command, password, caller, key)
    user = msgspec.json.decode(answer.body, type=UserAnswer)
    user_id = services.journal.owner(claims.username_key(user.username))
    if user_id is None or (answer.replayed and not await services.registry.password_matches(user_id, password)):
        raise Problem("idempotency_key_reused", param="Idempotency-Key")
    tokens = await services.registry.begin_session(user_id, agent=caller.agent)
    return answer._replace(body=encode(session_answer(user, tokens)))


def _key(command: Register, text: str | None) -> IdempotencyKey | None:
    if text is None:
        return None
    digest = hashlib.sha256(msgspec.json.encode(command)).digest()
    return IdempotencyKey(NOBODY, f"register:{command.username.lower()}:{text}", digest)


async def _open_account(
    services: Services, command: Register, password: str, caller: Caller, key: IdempotencyKey | None
) -> Answer:
    registry, user_id = services.registry, services.next_id()
    digest = registry.email_digest(handler.normalised_email(command.email))
    names = [claims.username(command.username, user_id), *([claims.email(digest, user_id)] if digest else [])]
    gone = claims.gone_key(registry.gone_digest(command.username))
    for held in (*(name.key for name in names), gone):  # before the costly hash; the commit decides
        if services.journal.owner(held) is not None:
            raise handler.refusal_of_claim(held)
    sealed = await registry.add_account(names[0], password, command.email, names[1].key if digest else "")
    stamp = Stamp(user_id, services.clock.now_ms(), caller.request_id, services.next_id)
    decision = handler.register(command, user_id, sealed, digest, stamp)
    commit = Commit(decision.events, decision.claims, (), decision.status, encode(decision.answer), key, (gone,))
    try:
        answer = await services.journal.commit(commit)
    except AlreadyClaimedError as error:
        await registry.drop_account(user_id)
        raise handler.refusal_of_claim(error.claim.key) from error
    if answer.replayed:
        await registry.drop_account(user_id)
    else:
        await registry.mark_signed_in(user_id, handler.day_of(stamp.now_ms))
    return answer


async def log_in(services: Services, username: str, password: str, caller: Caller) -> Answer:
    """Open a session; a wrong name and a wrong password cannot be told apart, not by time either."""
    user_id = services.journal.owner(claims.username_key(username))
    matched = await services.registry.matching_hash(user_id, password)
    if matched is None or user_id is None:
        raise CommandRefusedError("login_failed")
    await _come_back(services, user_id, caller)
    await active(services, user_id, told=True)
    tokens = await services.registry.begin_session(user_id, agent=caller.agent, matched=matched)
    return await _answer(services, tokens, caller)


async def _come_back(services: Services, user_id: int, caller: Caller) -> None:
    """Open an account again that its owner had closed, where the erasure has not begun."""
    account = await services.views.account(user_id)
    if account is not None and account.status == DELETED:
        await departure.come_back(services, account, caller.request_id)


async def refresh(services: Services, refresh_token: str, caller: Caller) -> Answer:
    """Exchange a refresh token for new tokens of the same session."""
    return await _answer(services, await services.registry.refresh(refresh_token), caller)


async def _answer(services: Services, tokens: Tokens, caller: Caller) -> Answer:
    user_id = tokens.session.user_id
    account = await active(services, user_id, told=True)
    if account.role != USER:
        tokens = services.registry.of_scopes(tokens, of_role(account.role))
    await say_signed_in(services, user_id, caller)
    ends = tuple(services.journal.ends(ACCOUNTS, user_id))
    return Answer(200, encode(session_answer(handler.user_answer(account), tokens)), ends)


async def active(services: Services, user_id: int, told: bool = False) -> Account:
    """Return an account, all that was said about it considered; refuses one that may do nothing now.

    `told`: its owner asks, and is told until when it is suspended, and why.
    """
    account = await services.views.account(user_id)
    if account is None:
        raise CommandRefusedError("projection_behind")
    if code := refusal_of(account.standing, services.clock.now_ms()):
        raise CommandRefusedError(code, _why(account) if told and account.status == ACTIVE else "")
    return account


def _why(account: Account) -> str:
    until = "without an end"
    if account.suspended_until_ms < LAST_TOLD_MS:
        until = datetime.fromtimestamp(account.suspended_until_ms / 1000, UTC).strftime("until %Y-%m-%d %H:%M UTC")
    why = f"Why: {account.suspended_reason}" if account.suspended_reason else "No reason was given."
    return f"The account is suspended {until}. {why}"


async def say_signed_in(services: Services, user_id: int, caller: Caller) -> None:
    """Say SignedIn if it was not said today; twice, if the process dies in between, does no harm."""
    now_ms = services.clock.now_ms()
    day = handler.day_of(now_ms)
    if await services.registry.signed_in_on(user_id) == day:
        return
    stamp = Stamp(user_id, now_ms, caller.request_id, services.next_id)
    await services.journal.commit(Commit((SignedIn(stamp.envelope(), user_id),), (), (), 200, b"", None))
    await services.registry.mark_signed_in(user_id, day)


def session_answer(user: UserAnswer, tokens: Tokens) -> SessionAnswer:
    """Return the answer that hands out tokens."""
    return SessionAnswer(user, tokens.access_token, tokens.refresh_token, tokens.expires_in)
