"""Trends over HTTP, on real stores filled through the projectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from infra.clock import rfc3339
from schemas.follows.events import Blocked
from tests import builders
from tests.builders import EPOCH_MS, envelope
from tests.query_world import Backing, World, ids, tweet_id, uid, uuids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from schemas.tweets.events import TweetPosted

ME, ANN, BOB, EVE = (uid(n) for n in range(4))
MINUTE_MS = 60_000
DAY_MS = 86_400_000


class Now:
    """The clock of these tests: an hour after the first tweet's minute."""

    def now_ms(self) -> int:
        return EPOCH_MS + 60 * MINUTE_MS


@pytest.fixture
async def world(tmp_path: Path, backing: Backing) -> AsyncIterator[World]:
    async with World(tmp_path, clock=Now(), backing=backing) as made:
        yield made


def hour_of(at_ms: int) -> int:
    return at_ms - at_ms % (60 * MINUTE_MS)


def said(author_id: int, n: int, content: str, *tags: str, **facts: Any) -> TweetPosted:
    tweet = builders.posted(author_id, tweet_id(n), content, at_ms=EPOCH_MS + n * MINUTE_MS)
    return msgspec.structs.replace(tweet, hashtags=list(tags), **facts)


async def test_what_many_suddenly_talk_about_trends(world: World) -> None:
    people = [uid(n) for n in range(10, 30)]
    await world.given(
        *(said(person, n, "look", "Eclipse") for n, person in enumerate(people, 5)),
        *(said(ANN, n, "tea", "tea") for n in range(30, 50)),
    )
    answer = (await world.client().get("/trends")).json()
    assert (answer["woeid"], answer["place"]) == (1, "World")
    (trend,) = answer["trends"]
    assert (trend["name"], trend["authors"], trend["tweet_volume"]) == ("eclipse", 20, 20)
    assert trend["score"] == pytest.approx((20 - 3) ** 2 / 3, abs=1e-5)
    assert (await world.client().get("/trends", params={"woeid": 44418})).json()["trends"] == []


async def test_the_topics_of_a_day_are_told_by_uses_or_by_authors(world: World) -> None:
    await world.given(
        said(ANN, 1, "x", "loud"), said(ANN, 2, "x", "loud"), said(ANN, 3, "x", "loud"),
        said(ANN, 4, "x", "many"), said(BOB, 5, "x", "Many"),
    )  # fmt: skip
    day = {"day": rfc3339(EPOCH_MS)[:10]}
    uses = (await world.client().get("/trends/history", params=day)).json()
    assert uses["trends"][0] == {"name": "loud", "tweet_volume": 3, "authors": 1}
    authors = (await world.client().get("/trends/history", params={**day, "by": "authors", "limit": 1})).json()
    assert authors["trends"] == [{"name": "many", "tweet_volume": 2, "authors": 2}]
    topic = (await world.client().get("/trends/history", params={"topic": "#Many"})).json()
    assert (topic["name"], [point["authors"] for point in topic["points"]]) == ("many", [2])


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("/trends", {"woeid": 2}, "woeid"),
        ("/trends", {"woeid": "x"}, "woeid"),
        ("/trends/history", {}, "day"),
        ("/trends/history", {"day": "2016-07-01", "topic": "x"}, "day"),
        ("/trends/history", {"day": "yesterday"}, "day"),
        ("/trends/history", {"day": "2016-07-01", "by": "luck"}, "by"),
        ("/trends/history", {"topic": "x", "step": "year"}, "step"),
        ("/trends/history", {"topic": "x", "until": "never"}, "until"),
        ("/trends/topics/x", {"woeid": 2}, "woeid"),
        ("/trends/topics/" + "x" * 281, {}, "name"),
        ("/trends/topics/%23", {}, "name"),
        ("/trends/history", {"topic": "x" * 281}, "topic"),
    ],
)
async def test_bad_questions_about_trends_are_refused(
    world: World, path: str, params: dict[str, Any], param: str
) -> None:
    answer = await world.client().get(path, params=params)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "parameter_invalid", param)


async def test_a_board_tells_ranks_parts_of_scores_and_the_last_hours(world: World) -> None:
    people = [uid(n) for n in range(10, 30)]
    await world.given(*(said(person, 5 + n, "look", "Eclipse") for n, person in enumerate(people)))
    await world.given(*(said(person, 50 + n, "goal", "Goal") for n, person in enumerate(people[:9])))
    first, second = (await world.client().get("/trends")).json()["trends"]
    assert (first["rank"], first["name"], first["authors"], first["expected"]) == (1, "eclipse", 20, 3.0)
    assert first["velocity"] == pytest.approx(20 / 3, abs=1e-6)
    assert (second["rank"], second["name"], second["rank_change"]) == (2, "goal", None)
    assert (len(first["hours"]), first["hours"][-1]) == (24, 20)


async def test_the_same_events_live_and_replayed_give_the_same_trends(tmp_path: Path, backing: Backing) -> None:
    people = [uid(n) for n in range(10, 40)]
    events = [
        said(who, 2 + n, "x", f"Tag{n % 3}", f"tag{n % 2}", place=(1, 44418, 23424975)[n % 3])
        for n, who in enumerate(people * 2)
    ]
    questions: list[tuple[str, dict[str, str | int]]] = [
        ("/trends", {}),
        ("/trends", {"woeid": 23424975}),
        ("/trends", {"woeid": 44418}),
        ("/trends/history", {"topic": "tag1"}),
        ("/trends/history", {"topic": "tag1", "step": "day", "woeid": 44418}),
        ("/trends/history", {"day": rfc3339(EPOCH_MS)[:10], "by": "score"}),
        ("/trends/topics/tag2", {}),
    ]

    async def told(name: str, *portions: list[TweetPosted]) -> list[str]:
        async with World(tmp_path / name, clock=Now(), backing=backing) as world:
            for portion in portions:
                await world.given(*portion)
            return [(await world.client().get(path, params=asked)).text for path, asked in questions]

    live = await told("live", *([event] for event in events))
    assert await told("replayed", events) == live
    assert '"rank":3' in live[0]


async def test_what_is_dated_ahead_does_not_trend_before_its_time_and_what_is_late_counts_in_its_own(
    world: World,
) -> None:
    people = [uid(n) for n in range(10, 20)]
    await world.given(*(said(person, 180 + n, "x", "ahead") for n, person in enumerate(people)))
    await world.given(*(said(person, 50, "x", "now", tweet_id=tweet_id(50) + n) for n, person in enumerate(people)))
    await world.given(
        *(said(person, -200, "x", "late", tweet_id=tweet_id(-200) + n) for n, person in enumerate(people))
    )
    told = (await world.client().get("/trends")).json()["trends"]
    assert [(it["name"], it["authors"]) for it in told] == [("now", 10)]
    late = (await world.client().get("/trends/history", params={"topic": "late"})).json()["points"]
    assert [(it["authors"], it["at"]) for it in late] == [(10, rfc3339(hour_of(EPOCH_MS - 200 * MINUTE_MS)))]


async def test_a_topic_shows_its_best_tweets_and_hides_whom_the_viewer_blocks(world: World) -> None:
    await world.given(
        said(ANN, 21, "one", "Tea"), said(BOB, 22, "two", "tea"), said(EVE, 23, "three", "tea"),
        builders.liked(ME, (tweet_id(21), ANN)), builders.liked(BOB, (tweet_id(21), ANN)),
        Blocked(envelope(), ME, EVE),
    )  # fmt: skip
    told = (await world.client().get("/trends/topics/%23Tea")).json()
    assert (told["name"], told["now"]["authors"], told["now"]["rank"], told["now"]["score"]) == ("tea", 3, None, 0)
    assert ids(told["tweets"]) == uuids(21, 23, 22)
    mine = (await world.client(ME).get("/trends/topics/tea", params={"limit": 2})).json()
    assert ids(mine["tweets"]) == uuids(21, 22)
    nothing = (await world.client().get("/trends/topics/unheard")).json()
    assert (nothing["now"], nothing["tweets"]) == (None, [])


async def test_each_day_of_a_topic_is_held_against_those_before_it(world: World) -> None:
    many = [uid(n) for n in range(10, 18)]
    await world.given(*(said(person, n, "x", "tea") for n, person in enumerate(many)))
    later = [msgspec.structs.replace(said(it, 40 + n, "x", "tea")) for n, it in enumerate([*many, ANN, BOB])]
    shifted = [
        msgspec.structs.replace(it, envelope=msgspec.structs.replace(it.envelope, occurred_at_ms=EPOCH_MS + DAY_MS))
        for it in later
    ]
    await world.given(*shifted)
    day = rfc3339(EPOCH_MS + DAY_MS)[:10]
    until: dict[str, str | int] = {"topic": "tea", "step": "day", "until": day, "days": 2}
    told = (await world.client().get("/trends/history", params=until)).json()
    weights = [0.5**back for back in range(1, 29)]
    expected = max(3.0, 8 * weights[0] / sum(weights))
    assert [(it["authors"], it["expected"]) for it in told["points"]] == [(8, 3.0), (10, pytest.approx(expected))]
    assert told["points"][1]["score"] == pytest.approx((10 - expected) ** 2 / expected, abs=1e-5)
    (best,) = (await world.client().get("/trends/history", params={"day": day, "by": "score"})).json()["trends"]
    assert (best["name"], best["score"]) == ("tea", told["points"][1]["score"])


async def test_all_places_are_told(world: World) -> None:
    places = (await world.client().get("/trends/places")).json()["places"]
    assert {"woeid": 1, "parent": 0, "country": "", "name": "World"} in places
