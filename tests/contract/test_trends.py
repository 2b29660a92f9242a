"""What a store of trends answers, for every backend."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.log.port import Span
from infra.places import WORLD, lineage
from projections.trends import counting, withdrawing
from projections.trends.read_model import DAY_MS, HOUR_MS, STEP_MS, Point, TrendsReader, Volume
from schemas.tweets.events import TopicsWithdrawn
from tests.builders import envelope, posted
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from schemas.tweets.events import TweetPosted

TRENDS = BACKENDS["trends"]
ADA, BOB, EVE = 1, 2, 3
LONDON, LEEDS, GB = 44418, 26042, 23424975
DAY = 20_000 * DAY_MS


@pytest.fixture(params=TRENDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[TrendsReader]]:
    it: Kept[TrendsReader] = Kept(TRENDS[request.param], tmp_path / "g1.db")
    yield it
    it.close()


def tagged(author_id: int, tweet_id: int, *tags: str, at_ms: int = DAY, place: int = WORLD) -> TweetPosted:
    return msgspec.structs.replace(posted(author_id, tweet_id, at_ms=at_ms), hashtags=list(tags), place=place)


def top(kept: Kept[TrendsReader], place: int = WORLD, day_ms: int = DAY) -> list[Volume]:
    return kept.reader.top_of_day(place, day_ms, "uses", 10)


def test_uses_and_distinct_authors_are_counted_a_day(kept: Kept[TrendsReader]) -> None:
    kept.say(
        tagged(ADA, 1, "Cats"),
        tagged(ADA, 2, "cats", "dogs", "DOGS", at_ms=DAY + HOUR_MS),
        tagged(BOB, 3, "dogs", at_ms=DAY + DAY_MS - 1),
        tagged(BOB, 4, "dogs", at_ms=DAY + DAY_MS),
    )
    assert top(kept) == [Volume("dogs", 2, 2), Volume("cats", 2, 1)]
    assert top(kept, day_ms=DAY + DAY_MS) == [Volume("dogs", 1, 1)]
    assert kept.reader.days(WORLD, ["dogs"], DAY, DAY + 9 * DAY_MS) == {
        "dogs": [Point(DAY, 2, 2), Point(DAY + DAY_MS, 1, 1)]
    }
    assert kept.reader.hours(WORLD, ["cats"], DAY, DAY + DAY_MS) == {
        "cats": [Point(DAY, 1, 1), Point(DAY + HOUR_MS, 1, 1)]
    }


def test_the_order_is_by_uses_or_by_authors(kept: Kept[TrendsReader]) -> None:
    kept.say(*(tagged(ADA, number, "loud") for number in range(1, 5)), tagged(ADA, 8, "many"), tagged(BOB, 9, "many"))
    assert [it.topic for it in kept.reader.top_of_day(WORLD, DAY, "uses", 9)] == ["loud", "many"]
    assert [it.topic for it in kept.reader.top_of_day(WORLD, DAY, "authors", 9)] == ["many", "loud"]
    assert [it.topic for it in kept.reader.top_of_day(WORLD, DAY, "authors", 1)] == ["many"]


def test_a_place_counts_for_all_that_it_is_part_of(kept: Kept[TrendsReader]) -> None:
    kept.say(tagged(ADA, 1, "tea", place=LONDON), tagged(BOB, 2, "tea", place=LEEDS), tagged(EVE, 3, "tea"))
    assert [top(kept, place) for place in (LONDON, LEEDS, GB, WORLD)] == [
        [Volume("tea", 1, 1)],
        [Volume("tea", 1, 1)],
        [Volume("tea", 2, 2)],
        [Volume("tea", 3, 3)],
    ]
    assert kept.reader.window(GB, DAY, 9) == [Volume("tea", 2, 2)]
    assert kept.reader.window(WORLD, DAY, 9) == [Volume("tea", 3, 3)]
    assert kept.reader.window(LEEDS, DAY, 9) == []  # one author alone is not in the running


def test_an_author_who_moves_counts_once_in_each_place(kept: Kept[TrendsReader]) -> None:
    kept.say(tagged(ADA, 1, "tea", place=LONDON), tagged(ADA, 2, "tea", place=LEEDS))
    assert [top(kept, place)[0] for place in (LONDON, LEEDS, GB, WORLD)] == [
        Volume("tea", 1, 1),
        Volume("tea", 1, 1),
        Volume("tea", 2, 1),
        Volume("tea", 2, 1),
    ]


def test_hours_begin_every_quarter_and_authors_are_distinct_in_each(kept: Kept[TrendsReader]) -> None:
    kept.say(
        tagged(ADA, 1, "tea", at_ms=DAY),
        tagged(BOB, 2, "tea", at_ms=DAY + STEP_MS),
        tagged(ADA, 3, "tea", at_ms=DAY + 4 * STEP_MS),
        tagged(EVE, 4, "tea", at_ms=DAY + 4 * STEP_MS + 1),
    )
    windows = {began: kept.reader.window(WORLD, DAY + began * STEP_MS, 9) for began in range(-4, 6)}
    assert {began: (it[0].uses, it[0].authors) for began, it in windows.items() if it} == {
        -2: (2, 2), -1: (2, 2), 0: (2, 2), 1: (3, 3), 2: (2, 2), 3: (2, 2), 4: (2, 2)
    }  # fmt: skip
    assert kept.reader.hours(WORLD, ["tea"], DAY, DAY + HOUR_MS + 1)["tea"] == [
        Point(DAY, 2, 2), Point(DAY + HOUR_MS, 2, 2)
    ]  # fmt: skip
    assert kept.reader.hours(WORLD, ["tea"], DAY + STEP_MS, DAY + HOUR_MS)["tea"] == [Point(DAY + STEP_MS, 3, 3)]


def test_a_window_is_ordered_by_authors_then_uses_then_name(kept: Kept[TrendsReader]) -> None:
    people = {"b": (ADA, BOB), "a": (ADA, BOB), "loud": (ADA, BOB, BOB), "many": (ADA, BOB, EVE), "alone": (ADA, ADA)}
    kept.say(
        *(tagged(who, at, topic) for at, (topic, who) in enumerate((t, w) for t, ws in people.items() for w in ws))
    )
    assert [it.topic for it in kept.reader.window(WORLD, DAY, 9)] == ["many", "loud", "a", "b"]
    assert [it.topic for it in kept.reader.window(WORLD, DAY, 2)] == ["many", "loud"]


def test_a_tweet_said_twice_counts_once(kept: Kept[TrendsReader]) -> None:
    kept.say(tagged(ADA, 1, "tea"), tagged(ADA, 1, "tea"))
    assert top(kept) == [Volume("tea", 1, 1)]


def test_the_newest_tweets_of_a_topic_are_known(kept: Kept[TrendsReader]) -> None:
    kept.say(
        tagged(ADA, 1, "tea"),
        tagged(ADA, 2, "tea", "milk", at_ms=DAY + HOUR_MS),
        tagged(BOB, 3, "milk", at_ms=DAY + 26 * HOUR_MS),
    )
    assert kept.reader.tweets("tea", DAY, 9) == [2, 1]
    assert kept.reader.tweets("tea", DAY + 1, 9) == [2]
    assert kept.reader.tweets("milk", DAY, 9) == [3, 2]
    assert kept.reader.tweets("milk", DAY, 1) == [3]


def test_an_account_counts_for_so_many_topics_a_day(kept: Kept[TrendsReader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "TOPICS_A_DAY", 2)
    kept.say(
        tagged(ADA, 1, "one", "two", "three"),
        tagged(ADA, 2, "four"),
        tagged(ADA, 3, "one"),
        tagged(BOB, 4, "four"),
        tagged(ADA, 5, "four", at_ms=DAY + DAY_MS),
    )
    assert top(kept) == [Volume("one", 2, 1), Volume("four", 1, 1), Volume("three", 1, 1), Volume("two", 1, 1)]
    assert top(kept, day_ms=DAY + DAY_MS) == [Volume("four", 1, 1)]


def test_a_flood_of_tags_adds_little_and_hides_nothing(
    kept: Kept[TrendsReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "TOPICS_A_DAY", 20)
    monkeypatch.setattr(counting, "USES_A_DAY", 30)
    people = range(100, 105)
    flood = [tagged(ADA, at, *(f"{at}x{n}" for n in range(5))) for at in range(1, 21)]
    two = [tagged(who, 1000 * who + at, f"two{at}") for who in (BOB, EVE) for at in range(40)]
    real = [tagged(who, 2_000_000 + 10 * who + at, f"real{at}") for who in people for at in range(3)]
    kept.say_at_once(*flood, *two, *real, *(tagged(BOB, 9_000_000 + at, "two0") for at in range(99)))
    window = kept.reader.window(WORLD, DAY, 99)
    assert [it.topic for it in window[:3]] == ["real0", "real1", "real2"]
    assert len(window) == 3 + 20  # nothing of what one account says alone, and what two say is bounded
    assert kept.reader.window(WORLD, DAY, 3) == window[:3]
    assert len(kept.reader.top_of_day(WORLD, DAY, "uses", 999)) == 20 + 20 + 3
    assert kept.reader.top_of_day(WORLD, DAY, "uses", 1) == [Volume("two0", 12, 2)]


def test_whoever_is_late_is_recognised_while_the_log_is_not_far_ahead(
    kept: Kept[TrendsReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "USES_KEPT_RECORDS", 3)
    kept.say(tagged(ADA, 1, "tea"), tagged(BOB, 2, "milk", at_ms=DAY + DAY_MS))
    kept.say(tagged(BOB, 3, "milk", at_ms=DAY + 3 * DAY_MS), tagged(ADA, 4, "tea", at_ms=DAY + 1))
    assert top(kept) == [Volume("tea", 2, 1)]  # two days behind, but only three records
    kept.say(*(tagged(BOB, at, "milk", at_ms=DAY + 6 * DAY_MS) for at in range(5, 9)), tagged(ADA, 9, "tea"))
    assert top(kept) == [Volume("tea", 3, 2)]


def test_what_is_said_again_after_all_that_counts_again_and_is_kept_once(
    kept: Kept[TrendsReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "USES_KEPT_RECORDS", 3)
    others = [tagged(BOB, at, "milk", at_ms=DAY + 6 * DAY_MS) for at in range(5, 9)]
    kept.say_at_once(tagged(ADA, 1, "tea"), *others, tagged(ADA, 1, "tea"))
    assert top(kept) == [Volume("tea", 2, 2)]
    assert kept.reader.tweets("tea", DAY, 9) == [1]


def test_a_dead_letter_that_is_tried_again_finds_what_its_author_said(kept: Kept[TrendsReader]) -> None:
    kept.say(*(tagged(BOB, at, "milk") for at in range(5, 9)), tagged(ADA, 1, "tea"))
    for at, letter in enumerate((tagged(ADA, 2, "tea"), tagged(ADA, 1, "tea"), tagged(ADA, 2, "tea"))):
        kept.retry(letter, at)
    assert top(kept) == [Volume("milk", 4, 1), Volume("tea", 2, 1)]


def test_a_clock_far_ahead_makes_nothing_old(kept: Kept[TrendsReader]) -> None:
    kept.say(tagged(ADA, 1, "tea"), tagged(BOB, 2, "tea", at_ms=DAY + 9_999 * DAY_MS))
    kept.say(tagged(ADA, 3, "tea", at_ms=DAY + 1), tagged(BOB, 4, "tea", at_ms=DAY + 2))
    assert top(kept) == [Volume("tea", 3, 2)]
    assert kept.reader.window(WORLD, DAY, 9) == [Volume("tea", 3, 2)]


HISTORY = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(["tea", "milk", "Tea"]),
        st.integers(0, 3 * 96 - 1),
        st.sampled_from([WORLD, LONDON, LEEDS, GB]),
    ),
    max_size=24,
)


EXAMPLES = {"sqlite": 40, "cql": 6}  # one takes a third of a second on a server


@pytest.mark.parametrize("name", TRENDS)
def test_counts_equal_a_naive_recount_in_any_order_of_partitions(name: str, tmp_path: Path) -> None:
    examples = iter(range(10**6))

    @settings(max_examples=EXAMPLES[name], deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(history=HISTORY, first=st.integers(0, 1))
    def law(history: list[tuple[int, str, int, int]], first: int) -> None:
        uses = [
            tagged(author, at + 1, tag, at_ms=DAY + steps * STEP_MS, place=place)
            for at, (author, tag, steps, place) in enumerate(sorted(history, key=lambda it: it[2]))
        ]
        kept: Kept[TrendsReader] = Kept(TRENDS[name], tmp_path / f"{next(examples)}.db")
        for partition in (first, 1 - first):  # one after another, as in a replay
            mine = [use for use in uses if use.author_id % 2 == partition]
            for at in range(0, len(mine), 4):
                portion = mine[at : at + 4]
                kept.store.apply(TRENDS[name].project(portion), Span("tweets", partition, at, at + len(portion)))
        check_all(kept.reader, uses)
        kept.close()

    law()


def check_all(reader: TrendsReader, uses: Sequence[TweetPosted]) -> None:
    for place in (WORLD, GB, LONDON):
        for began in range(DAY, DAY + 3 * DAY_MS, DAY_MS):
            volumes = naive(uses, place, began, DAY_MS)
            assert reader.top_of_day(place, began, "authors", 9) == volumes
            assert reader.top_of_day(place, began, "uses", 2) == sorted(volumes, key=by_uses)[:2]
        hours = {it: naive(uses, place, it, HOUR_MS) for it in range(DAY - HOUR_MS, DAY + 3 * DAY_MS, STEP_MS)}
        for began, volumes in hours.items():
            if volumes or began % DAY_MS == 0:  # the others are asked for below
                assert reader.window(place, began, 9) == [volume for volume in volumes if volume.authors > 1]
        for first in range(DAY - HOUR_MS, DAY, STEP_MS):
            wanted = [(it, volume) for it in range(first, DAY + 3 * DAY_MS, HOUR_MS) for volume in hours[it]]
            lines: defaultdict[str, list[Point]] = defaultdict(list)
            for began, volume in wanted:
                lines[volume.topic].append(Point(began, volume.uses, volume.authors))
            assert reader.hours(place, ["tea", "milk"], first, DAY + 3 * DAY_MS) == lines


def by_uses(volume: Volume) -> tuple[int, int, str]:
    return -volume.uses, -volume.authors, volume.topic


def naive(uses: Sequence[TweetPosted], place: int, began: int, length: int) -> list[Volume]:
    authors: defaultdict[str, list[int]] = defaultdict(list)
    for use in uses:
        if began <= use.envelope.occurred_at_ms < began + length and place in lineage(use.place):
            authors[use.hashtags[0].lower()].append(use.author_id)
    volumes = [Volume(topic, len(them), len(set(them))) for topic, them in authors.items()]
    return sorted(volumes, key=lambda it: (-it.authors, -it.uses, it.topic))


def shown(kept: Kept[TrendsReader]) -> list[object]:
    spans = (DAY - DAY_MS, DAY + 3 * DAY_MS)
    topics = ["cats", "dogs", "tea", ""]
    of_places = [
        (reader(place, topics, *spans) for reader in (kept.reader.days, kept.reader.hours)) for place in (WORLD, GB)
    ]
    return [[list(it) for it in of_places], [top(kept, WORLD, DAY + day * DAY_MS) for day in range(-1, 3)]]


def test_what_an_author_said_is_withdrawn_to_what_it_is_when_nobody_can_read_it(
    kept: Kept[TrendsReader], tmp_path: Path
) -> None:
    of_ada = [
        tagged(ADA, 1, "cats", "tea", place=LONDON),
        tagged(ADA, 3, "tea", at_ms=DAY + STEP_MS, place=LEEDS),
        tagged(ADA, 5, "dogs", at_ms=DAY + DAY_MS - 1),
        tagged(ADA, 6, "dogs", at_ms=DAY + DAY_MS + 1),
    ]
    of_bob = [tagged(BOB, 2, "tea", place=LONDON), tagged(BOB, 4, "dogs", at_ms=DAY + DAY_MS)]
    said = sorted((*of_ada, *of_bob), key=lambda it: it.tweet_id)
    withdrawn = TopicsWithdrawn(envelope(), ADA, withdrawing.counted(of_ada))
    unread = [msgspec.structs.replace(it, hashtags=[""]) if it.author_id == ADA else it for it in said]
    with contextlib.closing(Kept[TrendsReader](TRENDS["sqlite"], tmp_path / "g2.db")) as replayed:
        replayed.say(*unread, msgspec.structs.replace(withdrawn, topics=[]))
        expected = shown(replayed)
    kept.say(*said, withdrawn)
    assert shown(kept) == expected
    assert [it.topic for it in top(kept)] == ["tea"]
    assert [kept.reader.tweets(it, DAY, 9) for it in ("cats", "tea", "dogs")] == [[], [2], [4]]


def test_what_is_withdrawn_in_the_batch_in_which_it_was_said_is_gone(kept: Kept[TrendsReader]) -> None:
    said = [tagged(ADA, 1, "cats"), tagged(ADA, 2, "cats", at_ms=DAY + HOUR_MS)]
    kept.say_at_once(*said, TopicsWithdrawn(envelope(), ADA, withdrawing.counted(said)))
    assert top(kept) == []
    assert kept.reader.hours(WORLD, ["cats"], DAY, DAY + DAY_MS) == {}
    assert kept.reader.tweets("cats", DAY, 9) == []
