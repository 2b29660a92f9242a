"""POST /tweets on the cluster profile, as clients send it, with token and rate limit.

Without and with an Idempotency-Key (a commit of two compare-and-sets): `python -m benchmarks.cluster_post`. Beside it,
in the same run and with the same load: FastAPI and a Kafka producer's acknowledgement alone. CPU is that of the server
process; what the broker and Cassandra spend is told, too. Needs the extra `cluster`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.cluster_servers import prepared
from benchmarks.post_tweet import AUTHORS, RATE_PER_S, SETTINGS, Measured, measure, posts, register, serving
from benchmarks.row import Row

if TYPE_CHECKING:
    from benchmarks.cluster_servers import Servers
    from benchmarks.post_tweet import Server

SECONDS = 5.0
WARM_UP_REQUESTS = 1_000


class Spent(NamedTuple):
    """What a server process did, and the CPU microseconds of a post in Kafka and Cassandra, all of the run."""

    measured: Measured
    kafka_us: float
    cassandra_us: float


def load(servers: Servers, server: Server, tokens: list[str], *, keyed: bool) -> Spent:
    """Send posts, first at a fixed rate, then as fast as answers come."""
    kafka, cassandra = servers.cpu_s("kafka"), servers.cpu_s("cassandra")
    measured = asyncio.run(measure(server, posts(tokens, keyed=keyed), SECONDS, WARM_UP_REQUESTS))
    sent = WARM_UP_REQUESTS + (measured.per_s + RATE_PER_S) * SECONDS
    return Spent(
        measured,
        (servers.cpu_s("kafka") - kafka) * 1e6 / sent,
        (servers.cpu_s("cassandra") - cassandra) * 1e6 / sent,
    )


def rows() -> list[Row]:
    """Measure the ceiling and the command process, one after the other."""
    with prepared() as servers:
        environment = servers.environment()
        kafka = ("kafka", servers.settings.kafka_bootstrap)
        with serving("benchmarks.bare_post", *kafka, environment=environment) as server:
            bare = load(servers, server, ["none"], keyed=False).measured
        with serving("commands", environment={**environment, **SETTINGS}) as server:
            tokens = [register(server.port, f"author_{number}") for number in range(AUTHORS)]
            plain = load(servers, server, tokens, keyed=False)
            keyed = load(servers, server, tokens, keyed=True)
    ours = plain.measured
    return [
        Row(
            "POST /tweets on servers, per core of the command process",
            1e6 / ours.cpu_us,
            "requests/s",
            {
                "FastAPI + producer alone": 1e6 / bare.cpu_us,
                "ratio": bare.cpu_us / ours.cpu_us,
                "CPU µs": ours.cpu_us,
                "broker's µs": plain.kafka_us,
                "on this machine, shared": ours.per_s,
            },
            "≥ 1,500, ≥ 0.5 of FastAPI + producer",
        ),
        Row(
            "the same with an Idempotency-Key",
            1e6 / keyed.measured.cpu_us,
            "requests/s",
            {
                "CPU µs": keyed.measured.cpu_us,
                "Cassandra's µs": keyed.cassandra_us,
                "p50 at 200/s": keyed.measured.p50_ms,
                "p99": keyed.measured.p99_ms,
                "on this machine, shared": keyed.measured.per_s,
            },
            "",
        ),
        Row(
            f"POST /tweets on servers at {RATE_PER_S}/s, open loop, p99",
            ours.p99_ms,
            "ms",
            {"p50": ours.p50_ms, "FastAPI + producer alone p50": bare.p50_ms, "p99": bare.p99_ms},
            "< 10 ms",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
