"""What moderators and those who report do in a random history, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.moderation.events import (
    ACTIONS,
    REASONS,
    AppealDecided,
    Appealed,
    CaseClaimed,
    CaseDecided,
    CaseReleased,
    NoteAdded,
    ReportFiled,
    TopicDenied,
)
from schemas.tweets.events import TweetModerated

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.envelope import Envelope, Event
    from schemas.tweets.events import TweetPosted

TOPICS = ("tea", "milk")


def moderated(user: int, choice: int, tweet: TweetPosted, envelope: Callable[[int], Envelope]) -> list[Event]:
    """Return what somebody says about a tweet, or its author, or what must not trend."""
    of_account = choice % 2 == 0
    subject, kind = (tweet.author_id, "account") if of_account else (tweet.tweet_id, "tweet")
    owner, topic = tweet.author_id, choice % len(TOPICS)
    action = ACTIONS[choice % len(ACTIONS)]
    shows = TweetModerated(envelope(0), tweet.tweet_id, owner, action == "hide", "satire" * (choice % 2), of_account)
    steps: tuple[list[Event], ...] = (
        [ReportFiled(envelope(user), subject, kind, owner, user, REASONS[choice % len(REASONS)], f"see {choice}")],
        [CaseClaimed(envelope(user), subject, user, kind, owner)],
        [NoteAdded(envelope(user), subject, user, f"note {choice}", kind, owner)],
        [CaseDecided(envelope(user), subject, kind, owner, user, action, until_ms=choice, reason="so"), shows],
        [Appealed(envelope(owner), subject, kind, owner, f"but {choice}")],
        [AppealDecided(envelope(user), subject, user, upheld=of_account)],
        [CaseReleased(envelope(user), subject, user)],
        [TopicDenied(envelope(user), 1_000 + topic, user, TOPICS[topic], denied=user % 2 == 0)],
    )
    return steps[(user + choice) % len(steps)]
