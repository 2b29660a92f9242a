"""Decides about leaving: who may, what happens at once, and what an erasure says of what the account did. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.privacy.answer import LeftAnswer
from infra.clock import rfc3339
from infra.journal.port import Claim, Commit
from projections.accounts.read_model import DELETED
from schemas.accounts.events import AccountDeactivated, AccountErased, AccountReactivated
from schemas.catalogue import ACCOUNTS
from schemas.engagements.events import Unbookmarked, Unliked
from schemas.follows.events import Unblocked, Unfollowed, Unmuted
from schemas.ids import to_uuid, unix_ms
from schemas.media.events import ERASED, MediaCollected
from schemas.tweets.events import RetweetUndone, TweetDeleted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.decision import Stamp
    from projections.accounts.read_model import Account
    from projections.engagement.read_model import Like
    from projections.tweets.read_model import Tweet
    from schemas.envelope import Event

RECENT_MS = 10 * 60_000
"""A log-in that long ago is as good as the password."""


def is_recent(session_id: int, now_ms: int) -> bool:
    """Tell whether a session began just now: its id tells when."""
    return now_ms - unix_ms(session_id) <= RECENT_MS


def leave(account: Account, erase_at_ms: int, stamp: Stamp) -> Decision:
    """Close an account; one that is closed stays as it is."""
    answer = LeftAnswer(to_uuid(account.user_id), rfc3339(erase_at_ms))
    if account.status == DELETED:
        return Decision(answer, concerns=(Concern(ACCOUNTS, account.user_id),))
    return Decision(answer, (AccountDeactivated(stamp.envelope(), account.user_id, erase_at_ms),))


def come_back(account: Account, stamp: Stamp) -> Commit:
    """Open a closed account again, unless its erasure has begun: then nothing holds it back."""
    if not account.username:
        raise CommandRefusedError("login_failed")
    free = (claims.erasing_key(account.user_id),)
    return Commit((AccountReactivated(stamp.envelope(), account.user_id),), (), (), 200, b"", None, free)


def begin(user_id: int, stamp: Stamp) -> Commit:
    """Begin to erase: from here on there is no way back."""
    said = AccountDeactivated(stamp.envelope(), user_id, stamp.now_ms)
    return Commit((said,), (claims.erasing(user_id),), (), 200, b"", None)


def undo_tweets(tweets: Iterable[Tweet], stamp: Stamp) -> list[Event]:
    """Say that tweets are deleted, and retweets undone."""
    said: list[Event] = []
    for it in tweets:
        envelope = stamp.envelope()
        if it.original_id:
            said.append(RetweetUndone(envelope, it.tweet_id, it.author_id, it.original_id, it.original_author_id))
        else:
            said.append(TweetDeleted(envelope, it.tweet_id, it.author_id, it.parent_id or None, it.quoted_id or None))
    return said


def undo_follows(user_id: int, following: Iterable[int], followers: Iterable[int], stamp: Stamp) -> list[Event]:
    """Say that an account follows nobody, and that nobody follows it."""
    return [
        *(Unfollowed(stamp.envelope(), user_id, other) for other in following),
        *(Unfollowed(stamp.envelope(), other, user_id) for other in followers),
    ]


def undo_aversions(user_id: int, blocked: Iterable[int], muted: Iterable[int], stamp: Stamp) -> list[Event]:
    """Say that an account blocks and mutes nobody."""
    return [
        *(Unblocked(stamp.envelope(), user_id, other) for other in blocked),
        *(Unmuted(stamp.envelope(), user_id, other) for other in muted),
    ]


def undo_likes(user_id: int, likes: Iterable[Like], stamp: Stamp) -> list[Event]:
    """Say that an account likes nothing."""
    return [Unliked(stamp.envelope(), it.tweet_id, it.author_id, user_id) for it in likes]


def undo_bookmarks(user_id: int, tweet_ids: Iterable[int], stamp: Stamp) -> list[Event]:
    """Say that an account keeps nothing."""
    return [Unbookmarked(stamp.envelope(), tweet_id, 0, user_id) for tweet_id in tweet_ids]


def collect(user_id: int, media_ids: Iterable[int], stamp: Stamp) -> list[Event]:
    """Say that the bytes of media are gone, and what was said of them."""
    return [MediaCollected(stamp.envelope(), media_id, user_id, ERASED) for media_id in media_ids]


def finish(account: Account, gone_digest: str, email_claim: str | None, stamp: Stamp) -> Commit:
    """Say that an account is erased; its name stays taken, under a digest, and its address is free again."""
    releases = [claims.username(account.username, account.user_id)]
    if email_claim:
        releases.append(Claim(email_claim, account.user_id))
    taken = (claims.gone(gone_digest, account.user_id),)
    erased = AccountErased(stamp.envelope(), account.user_id)
    return Commit((erased,), taken, tuple(releases), 200, b"", None)
