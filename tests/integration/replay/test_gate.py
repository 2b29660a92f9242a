"""The gate: what is right passes, beside a live generation and without one; every planted bug is stopped, readably."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from projections.accounts.projector import EditAccount
from projections.engagement.projector import AddResponse, AddRetweet
from projections.graph.projector import Follow
from projections.home_timeline.projector import PutEntry
from projections.notifications.projector import Tell
from projections.search.projector import RemoveTweet as UnindexTweet
from projections.trends.projector import Use
from projections.tweets.projector import RemoveTweet
from projections.tweets.read_model import Tweet
from schemas.follows.events import Unfollowed
from tests.replay_world import NAMED, ReplayWorld, random_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.envelope import Event
    from streams.parts import Projection


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayWorld]:
    """A log, and live projections that are right."""
    world = ReplayWorld(tmp_path_factory.mktemp("gate"))
    world.publish(*random_history(700))
    world.live()
    yield world
    world.close()


class Bug(NamedTuple):
    """A projector that makes something else of events, or of writes, of one type."""

    projection: str
    what: str
    of: type[Any]
    change: Callable[[Any], list[Any]]

    def plant(self) -> Projection:
        right = NAMED[self.projection].project

        def changed(those: Sequence[Any]) -> list[Any]:
            return [it for one in those for it in (self.change(one) if type(one) is self.of else [one])]

        def wrong(events: Sequence[Event]) -> list[Any]:
            return changed(right(changed(events)))

        return NAMED[self.projection]._replace(project=wrong)


BUGS = (
    Bug("accounts", "a stale name", EditAccount, lambda it: [it._replace(display_name=None)]),
    Bug("tweets", "a lost row", Tweet, lambda it: [it] if it.tweet_id % 7 else []),
    Bug("tweets", "a letter of a body", Tweet, lambda it: [it._replace(body=it.body.replace(b"words", b"swords"))]),
    Bug("tweets", "what was deleted", RemoveTweet, lambda _: []),
    Bug("graph", "an unfollow that is forgotten", Unfollowed, lambda _: []),
    Bug("graph", "a wrong time, and so a wrong order", Follow, lambda it: [it._replace(at_ms=-it.at_ms)]),
    Bug("engagement", "a doubled count", AddRetweet, lambda it: [it, it._replace(tweet_id=it.tweet_id + 1)]),
    Bug(
        "engagement",
        "a quote for a reply",
        AddResponse,
        lambda it: [it._replace(parent_id=it.quoted_id, parent_author_id=it.quoted_author_id, quoted_id=it.parent_id)],
    ),
    Bug("home_timeline", "retweets that are not shown", PutEntry, lambda it: [] if it.original_id else [it]),
    Bug("home_timeline", "replies to strangers that are shown", PutEntry, lambda it: [it._replace(parent_author_id=0)]),
    Bug("search", "what was deleted, found", UnindexTweet, lambda _: []),
    Bug("trends", "a topic told apart by case", Use, lambda it: [it._replace(topic=it.topic.upper())]),
    Bug("notifications", "another kind", Tell, lambda it: [it._replace(kind=it.kind % 6 + 1)]),
)


def test_what_is_right_passes_beside_the_live_generation(world: ReplayWorld) -> None:
    for name, report in world.rebuild(*NAMED.values(), generation=2).items():
        assert [finding.line() for finding in report.findings] == []
        assert (report.projection, report.compared_with) == (name, 1)
        assert report.rows
        assert report.entities


def test_what_is_right_passes_where_nothing_is_live(world: ReplayWorld) -> None:
    for report in world.rebuild(*NAMED.values(), generation=3, live=None).values():
        assert [finding.line() for finding in report.findings] == []
        assert report.compared_with is None


@pytest.mark.parametrize("live", [1, None], ids=["beside the live one", "by the log alone"])
@pytest.mark.parametrize("bug", BUGS, ids=lambda it: f"{it.projection}: {it.what}")
def test_a_planted_bug_is_stopped(world: ReplayWorld, bug: Bug, live: int | None) -> None:
    generation = 10 + BUGS.index(bug) * 2 + (live or 0)
    report = world.rebuild(bug.plant(), generation=generation, live=live)[bug.projection]
    assert not report.right
    assert any(finding.positions for finding in report.findings)
    assert {finding.check for finding in report.findings} >= ({"live", "recount"} if live else {"recount"})
