"""Notifications over random histories: what shows, in which order and how often equals a naive recomputation."""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.log.port import Span
from projections.notifications import projector
from projections.notifications.read_model import KINDS, MINUTE_MS, TOPICS, Kind, Wishes
from projections.notifications.sqlite import SqliteNotificationsReader, SqliteNotificationsStore
from projections.tweets.read_model import Kind as TweetKind
from projections.tweets.read_model import Tweet
from query_api.notifications import rules, skeleton
from query_api.paging import Steps, fill
from query_api.tweets.rules import alone
from schemas.follows.events import Blocked, Muted, Unblocked, Unmuted
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.tweets.events import TweetDeleted, TweetPosted
from tests.histories import USERS, VERBS, Step, World, log_of
from tests.memory_files import MEMORY
from tests.naive_notifications import Fact, Shown, begun_or_ended, check_pages, expected, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.notifications.read_model import Entry
    from query_api.notifications.rules import Facts, Item
    from schemas.envelope import Event

PAUSES = (0, 0, 1, 1_000, 70_000, 40_000_000)
histories = st.lists(
    st.builds(Step, st.sampled_from(VERBS), st.sampled_from(USERS), st.integers(0, 30), st.sampled_from(PAUSES)),
    max_size=60,
).map(lambda steps: World().play(steps))


class Said(NamedTuple):
    """What stands at the end of a history, in the plainest form."""

    facts: list[Fact]
    hidden: set[tuple[int, int]]  # viewer, whom they do not see
    gone: set[int]
    read: dict[int, int]
    off: dict[int, set[str]]
    authors: dict[int, int]


def said(history: Sequence[Event]) -> Said:
    relations: set[tuple[str, int, int]] = set()
    found = Said([], set(), set(), {}, {user: set() for user in USERS}, {})
    for event in history:
        relate(event, relations)
        match event:
            case TweetDeleted():
                found.gone.add(event.tweet_id)
            case TweetPosted():
                found.authors[event.tweet_id] = event.author_id
            case NotificationsRead():
                found.read[event.user_id] = max(event.up_to_ms, found.read.get(event.user_id, 0))
            case NotificationsSwitched():
                on = {kind for kind, wanted in event.wanted.items() if wanted}
                found.off[event.user_id] = (found.off[event.user_id] | event.wanted.keys()) - on
    for name, user, other in relations:
        found.hidden.add((user, other))
        if name == "block":
            found.hidden.add((other, user))
    found.facts.extend(fact for fact in standing(history) if fact.tweet not in found.gone)
    return found


def relate(event: Event, relations: set[tuple[str, int, int]]) -> None:
    match event:
        case Blocked():
            relations.add(("block", event.user_id, event.target_id))
        case Unblocked():
            relations.discard(("block", event.user_id, event.target_id))
        case Muted():
            relations.add(("mute", event.user_id, event.target_id))
        case Unmuted():
            relations.discard(("mute", event.user_id, event.target_id))


def kept(history: Sequence[Event], folder: Path) -> Path:
    path = folder / "g1.db"
    with closing(SqliteNotificationsStore(path, "a-log")) as store:
        for partition, events in log_of(history, TOPICS).items():
            store.apply(projector.project(events), Span(*partition, 0, len(events)))
    return path


def pages_of(reader: SqliteNotificationsReader, user: int, known: Said, limit: int) -> tuple[list[list[Item]], int]:
    """All pages, and how many are unread."""
    wishes: Wishes = reader.wishes(user)
    hidden = frozenset(other for viewer, other in known.hidden if viewer == user)
    viewer = rules.Viewer(hidden, wishes, frozenset(Kind) - wishes.off)
    tweets = {
        tweet_id: alone(Tweet(tweet_id, author, TweetKind.TWEET, tweet_id, 0, 0, 0, 0, 0, b""))
        for tweet_id, author in known.authors.items()
        if tweet_id not in known.gone
    }

    def facts(entries: Sequence[Entry]) -> Facts:
        return rules.Facts(reader.groups(user, {entry.group for entry in entries}, 101), tweets)

    steps = Steps(partial(reader.entries, user), facts, partial(rules.visible, viewer=viewer))
    found, before = [], None
    while True:
        page = fill(steps, before, limit)
        found.append(skeleton.newest_first(page.items))
        if page.next is None:
            break
        before = skeleton.below(user, skeleton.cursor(user, page.next))
    unread = steps._replace(
        skeleton=skeleton.since(reader, user, wishes.read_up_to_ms), rules=partial(rules.unread, viewer=viewer)
    )
    return found, len(fill(unread, None, 99).items)


def as_shown(item: Item) -> Shown:
    return Shown(
        item.at_ms,
        item.group.tweet_id,
        Kind(item.group.kind).word,
        tuple(item.actor_ids[: rules.ACTORS_SHOWN]),
        len(item.actor_ids),
        item.more,
    )


@settings(max_examples=150, deadline=None)
@given(histories, st.integers(1, 6))
def test_pages_and_counts_equal_a_naive_recomputation(history: list[Event], limit: int) -> None:
    known = said(history)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = kept(history, Path(folder))
        with closing(SqliteNotificationsReader(path)) as reader:
            for user in USERS:
                facts = [it for it in known.facts if it.recipient == user and it.kind not in known.off[user]]
                assert {KINDS[word] for word in known.off[user]} == reader.wishes(user).off
                hidden = {other for viewer, other in known.hidden if viewer == user}
                wanted = expected(facts, hidden)
                pages, unread = pages_of(reader, user, known, limit)
                check_pages([[as_shown(item) for item in page] for page in pages], wanted)
                assert unread == sum(it.at_ms > known.read.get(user, 0) for it in wanted)
                assert all(len(page) == limit for page in pages[:-1])
                assert all(it.read == (it.at_ms <= known.read.get(user, 0)) for page in pages for it in page)


@given(histories)
def test_an_entry_a_minute_at_most(history: list[Event]) -> None:
    minutes = {
        (notice[0], notice[1], notice[2], event.envelope.occurred_at_ms // MINUTE_MS)
        for event in history
        for began, notice in begun_or_ended(event)
        if began
    }
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        closing(SqliteNotificationsReader(kept(history, Path(folder)))) as reader,
    ):
        assert sum(len(reader.entries(user, None, 1_000)) for user in USERS) <= len(minutes)
