"""The law of home timelines: however they are kept, every viewer sees the list of the definition."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span
from projections.home_timeline.projector import project
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
from projections.home_timeline.sqlite_reader import SqliteHomeTimelineReader
from schemas.follows.events import Followed, Unfollowed
from schemas.ids import first_id_at
from schemas.tweets.events import Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.envelope import Event

USERS = range(1, 6)
DAY_MS = 86_400_000


class Policy(NamedTuple):
    celebrity_followers: int
    active_days: int
    cap: int
    trim_one_in: int
    fill_per_author: int


POLICIES = {
    "pushed": Policy(10**9, 10**6, 800, 128, 100),
    "pulled": Policy(10**9, 0, 800, 128, 100),
    "every author a celebrity": Policy(0, 10**6, 800, 128, 100),
    "two followers make a celebrity": Policy(2, 10**6, 800, 128, 100),
    "timelines of three entries": Policy(10**9, 10**6, 3, 1, 2),
    "short timelines and celebrities": Policy(3, 10**6, 4, 2, 1),
    "readers lapse after a day": Policy(10**9, 1, 3, 1, 2),
}


class Choice(NamedTuple):
    """One step of a history; numbers are reduced to what exists at that point."""

    verb: str
    user: int
    other: int
    pause_ms: int


VERBS = ("sign_in", "follow", "follow", "unfollow", "post", "post", "post", "reply", "retweet", "delete", "undo")
choices = st.builds(
    Choice,
    st.sampled_from(VERBS),
    st.sampled_from(USERS),
    st.integers(0, 30),
    st.sampled_from((1, 1, 1, 1000, DAY_MS // 2, 2 * DAY_MS)),
)


def history(steps: Sequence[Choice]) -> Iterator[Event]:
    """Turn choices into events that a command side would have let pass."""
    now = builders.EPOCH_MS
    tweets: dict[int, int] = {}  # tweet → author
    retweets: dict[int, tuple[int, int]] = {}  # retweet → author, original
    for step in steps:
        now += step.pause_ms
        new_id, target = first_id_at(now), USERS[step.other % len(USERS)]
        picked = list(tweets.items())[-1 - step.other % len(tweets)] if tweets else None
        match step.verb:
            case "sign_in":
                yield builders.signed_in(step.user, now)
            case "follow" if target != step.user:
                yield builders.followed(step.user, target, now)
            case "unfollow" if target != step.user:
                yield builders.unfollowed(step.user, target, now)
            case "post":
                tweets[new_id] = step.user
                yield builders.posted(step.user, new_id, at_ms=now)
            case "reply" if picked:
                yield builders.posted(step.user, new_id, reply_to=picked, at_ms=now)
                tweets[new_id] = step.user
            case "retweet" if picked and (step.user, picked[0]) not in retweets.values():
                retweets[new_id] = (step.user, picked[0])
                yield builders.retweeted(step.user, new_id, picked, now)
            case "delete" if picked:
                del tweets[picked[0]]
                yield builders.deleted(picked[1], picked[0], now)
            case "undo" if retweets:
                retweet_id, (author, original) = list(retweets.items())[step.other % len(retweets)]
                del retweets[retweet_id]
                yield builders.retweet_undone(author, retweet_id, (original, 0), now)


def defined(viewer: int, events: Sequence[Event]) -> list[int]:
    """The list of the definition, recomputed from the events with nothing but sets."""
    follows: set[int] = set()
    for event in events:
        if isinstance(event, Followed) and event.user_id == viewer:
            follows.add(event.target_id)
        elif isinstance(event, Unfollowed) and event.user_id == viewer:
            follows.discard(event.target_id)
    gone = {event.tweet_id for event in events if isinstance(event, TweetDeleted | RetweetUndone)}
    seen = []
    for event in events:
        if isinstance(event, TweetPosted):
            parent = event.reply_to_author_id
            heard = parent is None or parent in follows or parent == viewer
            if event.author_id == viewer or (event.author_id in follows and heard):
                seen.append(event.tweet_id)
        elif isinstance(event, Retweeted) and (event.author_id in follows or event.author_id == viewer):
            seen.append(event.tweet_id)
    return sorted((tweet for tweet in seen if tweet not in gone), reverse=True)


def apply_in_batches(store: SqliteHomeTimelineStore, events: Sequence[Event], size: int) -> None:
    for at in range(0, len(events), size):
        batch = events[at : at + size]
        store.apply(project(batch), Span("history", 0, at, at + len(batch)))


def shown(reader: SqliteHomeTimelineReader, viewer: int, page_size: int) -> list[int]:
    """All of a viewer's timeline, page by page."""
    ids: list[int] = []
    while page := reader.page(viewer, ids[-1] if ids else None, page_size):
        ids += page
    return ids


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(choices, min_size=40, max_size=120), batch=st.integers(1, 30), page_size=st.integers(1, 9))
def test_every_viewer_sees_the_list_of_the_definition(
    policy: Policy, steps: list[Choice], batch: int, page_size: int
) -> None:
    events = list(history(steps))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "g1.db"
        with closing(SqliteHomeTimelineStore(path, "log", **policy._asdict())) as store:
            apply_in_batches(store, events, batch)
            with closing(SqliteHomeTimelineReader(path)) as reader:
                for viewer in USERS:
                    assert shown(reader, viewer, page_size) == defined(viewer, events)
