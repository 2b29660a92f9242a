"""Holds imported events to the rules of the command API: what it would refuse, an import refuses as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.accounts.command import Register
from commands.accounts.handler import MIN_PASSWORD_CHARS, check_register
from commands.errors import CommandRefusedError
from commands.imports.errors import ImportFileError
from commands.tweets import text
from commands.tweets.handler import check_text
from schemas.accounts.events import AccountRegistered
from schemas.follows.events import Followed
from schemas.tweets.events import Retweeted, TweetPosted

if TYPE_CHECKING:
    from infra.journal.port import Claim
    from schemas.envelope import Event

_LONG_ENOUGH = "-" * MIN_PASSWORD_CHARS  # an import's one password is checked when it is given


def check(event: Event) -> None:
    """Raise ImportFileError where the command API would have refused what led to the event."""
    try:
        if isinstance(event, TweetPosted):
            _check_tweet(event)
        elif isinstance(event, AccountRegistered):
            check_register(Register(event.username, "", event.display_name, event.bio, event.location), _LONG_ENOUGH)
        elif isinstance(event, Followed) and event.user_id == event.target_id:
            raise ImportFileError("an account cannot follow itself")
    except CommandRefusedError as refused:
        raise ImportFileError(f"the rules of the commands refuse {event}: {refused}") from refused


def _check_tweet(event: TweetPosted) -> None:
    found = text.extract(check_text(event.content))
    written = (list(dict.fromkeys(found.hashtags)), list(dict.fromkeys(found.urls)))
    named = {mention.username for mention in event.mentions}  # those whose account is there
    if written != (event.hashtags, event.urls) or not named <= set(found.mentions):
        raise ImportFileError(f"{event.content!r} does not refer to what the event says")


def claims_of(event: Event) -> tuple[Claim, ...]:
    """Return the names that the event takes."""
    if isinstance(event, AccountRegistered):
        return (claims.username(event.username, event.user_id),)
    if isinstance(event, Retweeted):
        return (claims.retweet(event.author_id, event.original_id, event.tweet_id),)
    return ()
