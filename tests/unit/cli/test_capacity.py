"""`murmur capacity`, held to figures worked out by hand from round costs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.capacity.costs import SOURCES, Choices, Costs, Prices
from infra.capacity.plan import Planner
from infra.capacity.scale import Scale, scale_of
from infra.capacity.verb import number
from infra.cli import app

ROOT = Path(__file__).parents[3]

ROUND = Scale(
    users=1_000_000,
    daily_users=864_000,
    daily_tweets=864_000,
    followers=100,
    follows=50,
    feeds_per_day=10,
    retweets_per_tweet=1,
    likes_per_tweet=10,
    follows_per_day=1,
    peak=2,
    active=0.5,
    pushed=0.5,
    open_streams=0.5,
)
COSTS = Costs(
    command_us=500, broker_us=25, agent_us=10, apply_tweets_us=100, apply_graph_us=200, apply_engagement_us=50,
    rows_tweets_us=100, rows_graph_us=200, rows_engagement_us=50, delivery_agent_us=1, delivery_redis_us=2,
    feed_us=1_000, feed_redis_us=500, feed_rows_us=200, stream_bytes=10_000, feed_bytes=100_000,
    feed_wire_bytes=20_000, tweet_record_bytes=200, mark_record_bytes=50, tweet_row_bytes=400, mark_row_bytes=100,
    timeline_entry_bytes=20, outbox_entry_bytes=24, edge_bytes=24,
)  # fmt: skip
CHOICES = Choices(utilisation=0.5, copies=3, redis_copies=2, disk_share=0.5, node_cores=4, primary_gb=4)
PRICES = Prices(core=10, memory_gb=2, disk_gb=0.1, egress_gb=0.01)


def planned(scale: Scale = ROUND) -> dict[tuple[str, str], float]:
    return {(it.section, it.name): it.value for it in Planner(scale, COSTS, CHOICES, PRICES).lines()}


BY_HAND = {
    # 864,000 a day are 10 a second, twice that at the peak; 10 likes to a tweet, 10 feeds to a user
    ("rates", "tweets at the peak"): 20,
    ("rates", "retweets at the peak"): 20,
    ("rates", "follows at the peak"): 20,
    ("rates", "likes at the peak"): 200,
    ("rates", "feeds at the peak"): 200,
    # 40 x 100 followers, half of them active, half of it pushed
    ("rates", "timeline entries pushed at the peak"): 1_000,
    # 260 writes x 500 µs = 0.13 s, at half a core's load
    ("cores", "commands"): 0.26,
    # 260 x 25 µs x 3 copies = 19.5 ms
    ("cores", "Kafka"): 0.039,
    # records: 3 x 40 + 2 x 20 + 200 = 360 x 10 = 3,600; tweets 40 x 100 = 4,000; graph 20 x 200 = 4,000;
    # engagement 240 x 50 = 12,000; entries 1,000 x 1: together 24,600 µs
    ("cores", "streams"): 0.0492,
    # (4,000 + 4,000 + 12,000 + 200 feeds x 200 = 40,000) x 3 = 180,000 µs
    ("cores", "Scylla"): 0.36,
    # 1,000 x 2 + 200 x 500 = 102,000 µs
    ("cores", "Redis"): 0.204,
    # 200 x 1,000 µs
    ("cores", "query"): 0.4,
    # 500,000 readers x 800 x 20 x 2 copies
    ("memory", "Redis, timelines"): 16,
    # 1,000,000 x 50 x 24 x 2
    ("memory", "Redis, follows"): 2.4,
    # 20 a second on average x 31,536,000 s x 24 x 2
    ("memory", "Redis, outboxes"): 30.27456,
    # 432,000 x 10,000
    ("memory", "live hubs"): 4.32,
    # (10 tweets x 200 + 120 marks x 50 = 8,000 bytes a second) x 31,536,000 x 3, on disks four fifths full
    ("disks", "Kafka"): 0.94608,
    # (10 x 400 + 120 x 100 = 16,000) x 31,536,000 x 3, on disks half full
    ("disks", "Scylla"): 3.027456,
    ("machines", "Kafka nodes"): 3,
    ("machines", "Scylla nodes"): 3,
    # 24.33728 GB without its copies, 4 GB each
    ("machines", "Redis primaries"): 7,
    ("machines", "partitions a topic"): 2,
    # 1 s / 60 µs
    ("limits", "likes of one tweet"): 16_666.666667,
    # 10,000 x 3 µs
    ("limits", "a tweet to 10,000 followers"): 30,
    # 1,000,000 x 3 µs
    ("limits", "a tweet to everybody, were it pushed"): 3,
    # 200 x 20,000 bytes x 8 bits
    ("limits", "feeds on the wire at the peak"): 0.032,
    # (20 x 200 + 240 x 50 = 16,000 bytes) x 8 bits
    ("limits", "log to each further region at the peak"): 0.000128,
    # (0.26 + 0.039 + 0.0492 + 0.36 + 0.204 + 0.4 = 1.3122) x 10
    ("money", "cores"): 13.122,
    # (16 + 2.4 + 30.27456 + 4.32 = 52.99456) x 2
    ("money", "memory"): 105.98912,
    # 3,973.536 GB x 0.1
    ("money", "disks"): 397.3536,
    # 100 a second on average x 2,628,000 s x 20,000 bytes = 5,256 GB x 0.01
    ("money", "feeds sent"): 52.56,
}


def test_every_figure_is_what_was_worked_out_by_hand() -> None:
    assert planned() == pytest.approx(BY_HAND)


def test_a_further_region_holds_everything_and_shares_the_requests() -> None:
    one, two = planned(), planned(scale_like(ROUND, regions=2))
    twice = ("Redis, timelines", "Redis, follows", "Redis, outboxes", "Kafka", "streams")
    assert {name: two[key] / one[key] for key in one if (name := key[1]) in twice} == dict.fromkeys(twice, 2)
    assert [two["cores", name] for name in ("commands", "query")] == [one["cores", "commands"], one["cores", "query"]]
    # rows are written in both, feeds read in one of the two: (20,000 x 2 + 40,000) x 3
    assert two["cores", "Scylla"] == pytest.approx(0.48)


def scale_like(scale: Scale, **changed: int) -> Scale:
    return Scale(**{field.name: getattr(scale, field.name) for field in fields(scale)} | changed)


def test_the_seeds_rates_come_out_of_its_days() -> None:
    rates = {name: value for (section, name), value in planned(Scale()).items() if section == "rates"}
    assert {name: number(value) for name, value in rates.items()} == {
        "tweets at the peak": "17,400",
        "retweets at the peak": "28,900",
        "follows at the peak": "11,600",
        "likes at the peak": "174,000",
        "feeds at the peak": "69,400",
        "timeline entries pushed at the peak": "13,900,000",
    }


def test_what_is_not_given_keeps_the_seeds_proportions() -> None:
    assert scale_of(None, None, None, None, 1) == Scale()
    assert scale_of(1_000, None, None, None, 1) == Scale(users=1_000, daily_users=400, daily_tweets=1_000)
    assert scale_of(1_000, 100, None, 10, 2) == Scale(1_000, 100, 250, 10, regions=2)


def test_every_cost_names_what_measured_it() -> None:
    assert list(SOURCES) == [field.name for field in fields(Costs)]
    assert [source for _, source in SOURCES.values() if not (ROOT / source).exists()] == []


def test_the_verb_prints_the_working_or_json() -> None:
    told = CliRunner().invoke(app, ["capacity", "--users", "1000000"])
    assert "400,000 daily" not in told.output
    assert "600,000 active readers x 800 entries" in told.output
    lines = json.loads(CliRunner().invoke(app, ["capacity", "--regions", "3", "--json"]).output)
    assert lines[0].keys() == {"section", "name", "value", "unit", "working"}


def test_the_page_shows_what_the_verb_says() -> None:
    told = CliRunner().invoke(app, ["capacity"]).output
    assert told in (ROOT / "docs" / "capacity.md").read_text()
