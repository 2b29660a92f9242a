"""What one operation costs, as measured, and what things are assumed to cost in money.

SOURCES says what each field is of, and which benchmark measured it (benchmarks/RESULTS.md has the runs): measure again,
write the figure here, and every plan follows. Those of rows come from a busy machine and are high; `graph` and
`engagement` are taken to cost what an account does, two rows an event, until they are measured.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """Per operation; times are microseconds of CPU."""

    command_us: float = 420.0
    broker_us: float = 300.0
    agent_us: float = 9.0
    apply_tweets_us: float = 520.0
    apply_graph_us: float = 360.0
    apply_engagement_us: float = 360.0
    rows_tweets_us: float = 950.0
    rows_graph_us: float = 770.0
    rows_engagement_us: float = 770.0
    delivery_agent_us: float = 0.24
    delivery_redis_us: float = 4.0
    feed_us: float = 690.0
    feed_redis_us: float = 65.0
    feed_rows_us: float = 235.0
    stream_bytes: float = 14_200.0
    feed_bytes: float = 182_000.0
    feed_wire_bytes: float = 36_000.0
    tweet_record_bytes: float = 200.0
    mark_record_bytes: float = 68.0
    tweet_row_bytes: float = 400.0
    mark_row_bytes: float = 90.0
    timeline_entry_bytes: float = 20.0
    outbox_entry_bytes: float = 24.0
    edge_bytes: float = 24.0


SOURCES: dict[str, tuple[str, str]] = {
    "command_us": ("a POST in the command process", "benchmarks/cluster_post.py"),
    "broker_us": ("a record in the broker", "benchmarks/cluster_post.py"),
    "agent_us": ("a record read and decoded by an agent", "benchmarks/kafka_agent.py"),
    "apply_tweets_us": ("an event of `tweets` applied, in the stream process", "benchmarks/cql_apply.py"),
    "apply_graph_us": ("an event of `graph` applied, in the stream process", "benchmarks/cql_apply.py"),
    "apply_engagement_us": (
        "an event of `engagement` applied, in the stream process",
        "benchmarks/cql_apply.py",
    ),
    "rows_tweets_us": ("the same in Cassandra, one copy", "benchmarks/cql_apply.py"),
    "rows_graph_us": ("the same in Cassandra, one copy", "benchmarks/cql_apply.py"),
    "rows_engagement_us": ("the same in Cassandra, one copy", "benchmarks/cql_apply.py"),
    "delivery_agent_us": ("an entry pushed to a timeline, in the stream process", "benchmarks/redis_fanout.py"),
    "delivery_redis_us": ("the same in Redis", "benchmarks/redis_fanout.py"),
    "feed_us": ("a feed of 200 in the query process, caches warm", "benchmarks/cluster_home.py"),
    "feed_redis_us": ("the same in Redis", "benchmarks/cluster_home.py"),
    "feed_rows_us": ("the same in Cassandra", "benchmarks/cluster_home.py"),
    "stream_bytes": ("memory of an open stream", "benchmarks/live.py"),
    "feed_bytes": ("a feed of 200", "benchmarks/cluster_home.py"),
    "feed_wire_bytes": ("the same packed by gzip -1, as a proxy in front would", "docs/capacity.md"),
    "tweet_record_bytes": ("a tweet on the log, one copy", "benchmarks/kafka_agent.py"),
    "mark_record_bytes": ("a like, follow or retweet on the log, one copy", "benchmarks/kafka_agent.py"),
    "tweet_row_bytes": ("a tweet in all its tables, one copy", "docs/capacity.md"),
    "mark_row_bytes": ("a like, follow or retweet in all its tables, one copy", "docs/capacity.md"),
    "timeline_entry_bytes": ("an entry of a timeline in Redis", "docs/projections.md"),
    "outbox_entry_bytes": ("an entry of an outbox in Redis", "docs/projections.md"),
    "edge_bytes": ("a follow in Redis: followers, follows, audience", "docs/projections.md"),
}


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars a month, of the size that large customers of a cloud pay: assumed, not measured."""

    core: float = 20.0
    memory_gb: float = 2.5
    disk_gb: float = 0.06  # local NVMe
    egress_gb: float = 0.01


@dataclass(frozen=True, slots=True)
class Choices:
    """How full machines may be, and how large they are."""

    utilisation: float = 0.6  # of a core at the peak: latency, and a part of the machines lost
    copies: int = 3  # of a record on brokers and of a row
    redis_copies: int = 2
    disk_share: float = 0.5  # of a disk that rows may fill: compaction needs the rest
    node_cores: int = 16
    node_disk_gb: float = 7_500.0
    primary_gb: float = 32.0  # of one Redis primary: a fork for the append-only file stays short
    timeline_entries: int = 800
    years: float = 1.0  # of log and rows on disk


COSTS, PRICES, CHOICES = Costs(), Prices(), Choices()
