"""A table of 207,692 real tweets through the whole system: the topics of each of its 92 days, against a known table.

The input is never shown: what differs is named by its day and its numbers. The known table was made by another rule for
hashtags (a regular expression), so 19 of its 1,840 rows differ from ours (twitter-text's rule); each is listed here.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from commands.tweets import text
from infra.settings import Settings
from query_api.app import create_app
from query_api.bootstrap import build
from tests.load.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from query_api.bootstrap import Services

pytestmark = pytest.mark.load

TWEETS, KNOWN = DATA / "ira_tweets_2016Q3.csv.gz", DATA / "ira_2016Q3_top20_tags_per_day.csv"
LOAD_SECONDS = 600.0
FIRST, DAYS = datetime(2016, 7, 1, tzinfo=UTC), 92
OTHER_RULE = Counter(
    {
        "2016-07-11": 1, "2016-07-15": 1, "2016-07-28": 1, "2016-08-02": 1, "2016-08-12": 4, "2016-08-24": 1,
        "2016-09-05": 1, "2016-09-11": 1, "2016-09-16": 3, "2016-09-18": 4, "2016-09-22": 1,
    }
)  # fmt: skip
"""How many of a day's rows of the known table have another count by twitter-text's rule, by a few uses each."""


class Topic(NamedTuple):
    name: str
    uses: int
    authors: int


class Day(NamedTuple):
    by_uses: list[Topic]
    by_authors: list[Topic]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("tweets"))
    command = [sys.executable, "-m", "commands.imports", "tweets", str(TWEETS), "--json"]
    environment = {**settings.environment(), "MURMURATION_LOG_LEVEL": "WARNING"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LOAD_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout.splitlines()[-1])
    assert outcome["refused"] == {}
    return settings


@pytest.fixture(scope="module")
def naive() -> dict[str, Day]:
    """The topics of each day, counted in the plainest way from the file and the commands' rule for hashtags."""
    uses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    authors: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    with gzip.open(TWEETS) as packed:
        for row in csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8", newline="")):
            day = row["publish_date"][:10]
            for tag in {tag.lower() for tag in text.extract(text.normalise(row["content"])).hashtags}:
                uses[day][tag] += 1
                authors[day, tag].add(row["author_id"])
    days = {}
    for day, counts in uses.items():
        topics = [Topic(tag, count, len(authors[day, tag])) for tag, count in counts.items()]
        days[day] = Day(
            sorted(topics, key=lambda it: (-it.uses, -it.authors, it.name)),
            sorted(topics, key=lambda it: (-it.authors, -it.uses, it.name)),
        )
    return days


@pytest.fixture(scope="module")
def told(loaded: Settings) -> Iterator[dict[str, Day]]:
    """What the API says of each day."""
    services = build(loaded.model_copy(update={"rate_limits": False}))
    yield asked(services)
    services.close()


def asked(services: Services) -> dict[str, Day]:
    async def ask() -> dict[str, Day]:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://query/api/v1") as client:
            days = {}
            for at in range(DAYS):
                day = (FIRST + timedelta(days=at)).date().isoformat()
                found = []
                for by in ("uses", "authors"):
                    answer = await client.get("/trends/history", params={"day": day, "by": by, "limit": 40})
                    assert answer.status_code == httpx.codes.OK, answer.text
                    trends = answer.json()["trends"]
                    found.append([Topic(it["name"], it["tweet_volume"], it["authors"]) for it in trends])
                days[day] = Day(*found)
            return days

    return asyncio.run(ask())


def test_the_topics_of_every_day_equal_a_naive_recount(told: dict[str, Day], naive: dict[str, Day]) -> None:
    assert len(told) == DAYS
    wrong = [day for day, found in told.items() if found != Day(naive[day].by_uses[:40], naive[day].by_authors[:40])]
    assert wrong == []


def test_the_known_table_is_met_but_for_its_other_rule(told: dict[str, Day], naive: dict[str, Day]) -> None:
    differing: Counter[str] = Counter()
    rows = 0
    with KNOWN.open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            rows += 1
            counts = {topic.name: (topic.uses, topic.authors) for topic in naive[row["day"]].by_uses}
            ours, theirs = counts.get(row["tag"], (0, 0)), (int(row["uses"]), int(row["accounts"]))
            if ours != theirs:
                differing[row["day"]] += 1
                assert abs(ours[0] - theirs[0]) <= max(2, theirs[0] // 2), (row["day"], theirs, ours)
            elif theirs[0] > told[row["day"]].by_uses[-1].uses:
                assert (row["tag"], *theirs) in told[row["day"]].by_uses
    assert rows == 20 * DAYS
    assert differing == OTHER_RULE
