"""The arithmetic: rates times costs. Every line carries its own working, in the numbers that went in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from infra.capacity.costs import CHOICES, COSTS, PRICES
from infra.capacity.scale import DAY_S, EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.capacity.costs import Choices, Costs, Prices
    from infra.capacity.scale import Scale

GB, TB = 1e9, 1e12
YEAR_S = 365 * DAY_S
MONTH_S = YEAR_S / 12
PARTITION_HEADROOM = 2  # partitions a worker: half the workers can be lost, or twice as many added, and all have some


class Line(NamedTuple):
    """One figure: what of, how much, in what unit, and how it came about."""

    section: str
    name: str
    value: float
    unit: str
    working: str


class Planner:
    """Plans one size; `lines` has everything, in the order in which a reader wants it."""

    def __init__(
        self,
        scale: Scale,
        costs: Costs = COSTS,
        choices: Choices = CHOICES,
        prices: Prices = PRICES,
    ) -> None:
        self._scale, self._costs, self._choices, self._prices = scale, costs, choices, prices

    def lines(self) -> list[Line]:
        """Return the whole plan."""
        rates = [*self._rates()]
        cores, memory, disks = [*self._cores()], [*self._memory()], [*self._disks()]
        return [
            *rates, *cores, *memory, *disks,
            *self._machines(cores, memory, disks), *self._limits(), *self._money(cores, memory, disks),
        ]  # fmt: skip

    def _rates(self) -> Iterator[Line]:
        scale = self._scale
        for what in (*EVENTS, "feeds"):
            average = scale.average(what)
            working = f"{average:,.0f}/s on average x {scale.peak:g}"
            yield Line("rates", f"{what} at the peak", scale.at_peak(what), "/s", working)
        pushed = (
            f"(tweets + retweets) x {scale.followers:,} followers x {scale.active:g} active x {scale.pushed:g} pushed"
        )
        yield Line("rates", "timeline entries pushed at the peak", scale.deliveries_at_peak(), "/s", pushed)

    def _line_of_cores(self, name: str, parts: dict[str, tuple[float, float]], copies: float = 1) -> Line:
        """Add up rate x microseconds of each part, and leave room."""
        share = self._choices.utilisation
        seconds = sum(rate * cost for rate, cost in parts.values()) * copies / 1e6
        working = " + ".join(f"{what} {rate:,.0f}/s x {cost:,g} µs" for what, (rate, cost) in parts.items())
        working = f"({working}) x {copies:g}" if copies > 1 else working
        return Line("cores", name, seconds / share, "cores", f"{working}, / {share:g}")

    def _cores(self) -> Iterator[Line]:
        scale, cost, regions = self._scale, self._costs, self._scale.regions
        rate = {what: scale.at_peak(what) for what in (*EVENTS, "feeds")}
        written, pushed = sum(rate[what] for what in EVENTS), scale.deliveries_at_peak()
        posted = rate["tweets"] + rate["retweets"]
        yield self._line_of_cores("commands", {"commands": (written, cost.command_us)})
        copies = self._choices.copies * regions
        yield self._line_of_cores("Kafka", {"records": (written, cost.broker_us)}, copies)
        yield self._line_of_cores(
            "streams",
            {
                "records read": (3 * posted + 2 * rate["follows"] + rate["likes"], cost.agent_us),
                "tweets": (posted, cost.apply_tweets_us),
                "graph": (rate["follows"], cost.apply_graph_us),
                "engagement": (posted + rate["likes"], cost.apply_engagement_us),
                "home timelines": (pushed, cost.delivery_agent_us),
            },
            regions,
        )
        yield self._line_of_cores(
            "Scylla",
            {
                "tweets": (posted, cost.rows_tweets_us),
                "graph": (rate["follows"], cost.rows_graph_us),
                "engagement": (posted + rate["likes"], cost.rows_engagement_us),
                "feeds": (rate["feeds"] / regions, cost.feed_rows_us),
            },
            copies,
        )
        redis = {"pushed": (pushed, cost.delivery_redis_us), "feeds": (rate["feeds"] / regions, cost.feed_redis_us)}
        yield self._line_of_cores("Redis", redis, regions)
        yield self._line_of_cores("query", {"feeds": (rate["feeds"], cost.feed_us)})

    def _memory(self) -> Iterator[Line]:
        scale, cost, choice = self._scale, self._costs, self._choices
        copies, regions = choice.redis_copies, scale.regions

        def in_redis(name: str, count: float, each: float, working: str) -> Line:
            total = count * each * copies * regions / GB
            return Line("memory", name, total, "GB", f"{working} x {each:g} bytes x {copies * regions} copies")

        readers = scale.users * scale.active
        yield in_redis(
            "Redis, timelines", readers * choice.timeline_entries, cost.timeline_entry_bytes,
            f"{readers:,.0f} active readers x {choice.timeline_entries} entries",
        )  # fmt: skip
        yield in_redis(
            "Redis, follows", scale.users * scale.follows, cost.edge_bytes,
            f"{scale.users:,} users x {scale.follows} follows",
        )  # fmt: skip
        entries = (scale.average("tweets") + scale.average("retweets")) * YEAR_S * choice.years
        yield in_redis(
            "Redis, outboxes", entries, cost.outbox_entry_bytes,
            f"{entries:,.0f} tweets and retweets in {choice.years:g} year(s)",
        )  # fmt: skip
        streams = scale.daily_users * scale.open_streams
        working = f"{streams:,.0f} open streams x {cost.stream_bytes:,.0f} bytes"
        yield Line("memory", "live hubs", streams * cost.stream_bytes / GB, "GB", working)

    def _disks(self) -> Iterator[Line]:
        scale, cost, choice = self._scale, self._costs, self._choices
        tweets = scale.average("tweets") * YEAR_S * choice.years
        marks = sum(scale.average(what) for what in EVENTS if what != "tweets") * YEAR_S * choice.years
        copies = choice.copies * scale.regions
        kinds = (
            ("Kafka", cost.tweet_record_bytes, cost.mark_record_bytes, 0.8),
            ("Scylla", cost.tweet_row_bytes, cost.mark_row_bytes, choice.disk_share),
        )
        for name, tweet, mark, share in kinds:
            stored = f"{tweets:,.0f} tweets x {tweet:g} + {marks:,.0f} marks x {mark:g} bytes"
            working = f"({stored}) x {copies} copies, / {share:g}"
            yield Line("disks", name, (tweets * tweet + marks * mark) * copies / share / TB, "TB", working)

    def _machines(self, cores: list[Line], memory: list[Line], disks: list[Line]) -> Iterator[Line]:
        choice = self._choices
        core, disk = _by_name(cores), _by_name(disks)
        for name in ("Kafka", "Scylla"):
            by_cores, by_disk = core[name] / choice.node_cores, disk[name] * TB / GB / choice.node_disk_gb
            working = (
                f"the more of {core[name]:,.0f} cores / {choice.node_cores} "
                f"and {disk[name]:,.0f} TB / {choice.node_disk_gb / 1000:g} TB"
            )
            nodes = max(choice.copies, math.ceil(by_cores), math.ceil(by_disk))
            yield Line("machines", f"{name} nodes", nodes, "nodes", working)
        stored = sum(line.value for line in memory if line.name.startswith("Redis")) / choice.redis_copies
        working = f"the more of {core['Redis']:,.0f} cores (one each) and {stored:,.0f} GB / {choice.primary_gb:g} GB"
        primaries = max(math.ceil(core["Redis"]), math.ceil(stored / choice.primary_gb))
        yield Line("machines", "Redis primaries", primaries, "primaries", working)
        workers = math.ceil(core["streams"])
        working = f"{workers:,} stream workers of one core x {PARTITION_HEADROOM}"
        yield Line("machines", "partitions a topic", workers * PARTITION_HEADROOM, "partitions", working)

    def _limits(self) -> Iterator[Line]:
        cost, scale = self._costs, self._scale
        like = cost.agent_us + cost.apply_engagement_us
        yield Line(
            "limits", "likes of one tweet", 1e6 / like, "/s",
            f"one partition, one worker: 1 s / ({cost.agent_us:g} + {cost.apply_engagement_us:g}) µs; more queue",
        )  # fmt: skip
        push = cost.delivery_agent_us + cost.delivery_redis_us
        yield Line(
            "limits", "a tweet to 10,000 followers", 10_000 * push / 1000, "ms of CPU",
            f"10,000 x {push:g} µs; the celebrity threshold",
        )  # fmt: skip
        yield Line(
            "limits", "a tweet to everybody, were it pushed", scale.users * push / 1e6, "s of CPU",
            f"{scale.users:,} x {push:g} µs; pulled instead: one outbox more a feed",
        )  # fmt: skip
        wire = scale.at_peak("feeds") * cost.feed_wire_bytes * 8 / GB
        yield Line(
            "limits", "feeds on the wire at the peak", wire, "Gbit/s",
            f"{scale.at_peak('feeds'):,.0f}/s x {cost.feed_wire_bytes:,.0f} bytes packed x 8",
        )  # fmt: skip
        mirrored = sum(
            scale.at_peak(what) * (cost.tweet_record_bytes if what == "tweets" else cost.mark_record_bytes)
            for what in EVENTS
        )
        yield Line(
            "limits", "log to each further region at the peak", mirrored * 8 / GB, "Gbit/s",
            f"{mirrored / 1e6:,.1f} MB/s of records x 8",
        )  # fmt: skip

    def _money(self, cores: list[Line], memory: list[Line], disks: list[Line]) -> Iterator[Line]:
        price, scale = self._prices, self._scale
        egress = scale.average("feeds") * MONTH_S * self._costs.feed_wire_bytes / GB
        for name, amount, unit, each in (
            ("cores", sum(line.value for line in cores), "cores", price.core),
            ("memory", sum(line.value for line in memory), "GB", price.memory_gb),
            ("disks", sum(line.value for line in disks) * TB / GB, "GB", price.disk_gb),
            ("feeds sent", egress, "GB a month", price.egress_gb),
        ):
            yield Line("money", name, amount * each, "$ a month", f"{amount:,.0f} {unit} x ${each:g}")


def _by_name(lines: list[Line]) -> dict[str, float]:
    return {line.name: line.value for line in lines}
