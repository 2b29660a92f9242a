"""What SQLite keeps of trends is bounded: by time, and by what an account can add."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from infra.log.port import Span
from infra.sqlite.connections import open_reader, scalar
from projections.trends import counting, projector, sqlite
from projections.trends.read_model import DAY_MS
from projections.trends.sqlite import SqliteTrendsStore
from tests.builders import posted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.tweets.events import TweetPosted

DAY = 20_000 * DAY_MS


def tagged(author: int, tweet_id: int, day: int, *tags: str) -> TweetPosted:
    return msgspec.structs.replace(posted(author, tweet_id, at_ms=DAY + day * DAY_MS), hashtags=list(tags))


def kept(folder: Path, tweets: Sequence[TweetPosted], batch: int = 50) -> dict[str, int]:
    """How many rows the tables have after the tweets of one partition."""
    path = folder / "g1.db"
    with closing(SqliteTrendsStore(path, "a-log")) as store:
        for start in range(0, len(tweets), batch):
            portion = tweets[start : start + batch]
            store.apply(projector.project(portion), Span("tweets", 0, start, start + len(portion)))
    with closing(open_reader(path)) as connection:
        names = ("said", "hours", "days", "partitions", "ages")
        return {name: scalar(connection, f"SELECT count(*) FROM {name}") for name in names}


@pytest.fixture(autouse=True)
def _few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (counting, sqlite):
        monkeypatch.setattr(module, "USES_KEPT_RECORDS", 2)


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_uses_are_let_go_after_two_days_hours_after_thirty_and_days_after_eight_hundred(
    tmp_path: Path, batch: int
) -> None:
    tweets = [tagged(1, day + 1, day, "tea") for day in range(1_000)]
    assert kept(tmp_path, tweets, batch) == {
        "said": 3,  # today's, and those of the two days before
        "hours": 4 * 31 + 1,  # those that begin before midnight stand with the day before, which has one of its own
        "days": 801,
        "partitions": 1,
        "ages": 801 + 32,  # an hour that holds midnight began the day before
    }


def test_what_is_late_is_kept_as_long_as_what_came_with_it(tmp_path: Path) -> None:
    now = [tagged(1, day + 1, 5_000 + day, "tea") for day in range(3)]
    late = [tagged(2, 100 + day, day, "milk") for day in range(5)]
    rows = kept(tmp_path, [*now, *late])
    assert (rows["days"], rows["hours"]) == (3 + 5, 4 * (3 + 5))
    later = [*now, *late, *(tagged(1, 1_000 + day, 5_003 + day, "tea") for day in range(40))]
    rows = kept(tmp_path / "later", later)
    assert (rows["days"], rows["hours"]) == (3 + 5 + 40, 4 * 31 + 1)


def test_an_account_adds_so_much_a_day_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "TOPICS_A_DAY", 50)
    flood = [tagged(1, number, 0, *(f"x{number}y{n}" for n in range(10))) for number in range(1, 400)]
    rows = kept(tmp_path, flood)
    assert (rows["said"], rows["days"], rows["hours"]) == (50, 50, 4 * 50)
