"""How the system is, seen from outside: processes, ports, readiness, and how far each projection is behind.

Reads the files read-only, so it works while everything is down, too.
"""

from __future__ import annotations

import os
import platform
import time
from http import HTTPStatus
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
import msgspec

from infra import data_lock, probe
from infra.archive import told
from infra.generations.files import FileGenerations
from infra.log.embedded import EmbeddedLogReader
from infra.settings import PREFIX, Settings
from infra.sqlite.projection_store import SqliteProjectionReader, generation_path
from schemas.catalogue import ACCOUNTS, ENGAGEMENTS, FACT_TOPICS, FOLLOWS, MEDIA, MODERATION, NOTIFICATIONS, TWEETS

if TYPE_CHECKING:
    from pathlib import Path

    from infra.log.port import TopicPartition


PROJECTION_TOPICS = {
    "accounts": (ACCOUNTS,),
    "tweets": (TWEETS,),
    "graph": (FOLLOWS,),
    "engagement": (TWEETS, ENGAGEMENTS),
    "home_timeline": (ACCOUNTS, FOLLOWS, TWEETS),
    "search": (ACCOUNTS, TWEETS),
    "trends": (TWEETS,),
    "notifications": (TWEETS, FOLLOWS, ENGAGEMENTS, NOTIFICATIONS),
    "media": (ACCOUNTS, MEDIA, TWEETS),
    "moderation": (MODERATION,),
    "spam": (TWEETS,),
}
"""What each projection consumes; a test holds it to the read models, which this layer does not import."""


def kept(settings: Settings) -> frozenset[str]:
    """Return the projections that an installation keeps; on servers search needs an Elasticsearch to be named."""
    there = settings.profile == "embedded" or settings.elasticsearch_urls
    return frozenset(PROJECTION_TOPICS) if there else frozenset(PROJECTION_TOPICS) - {"search"}


class Lag(NamedTuple):
    """How far a projection is behind: records not applied, and for how long the oldest of them has been waiting."""

    projection: str
    events: int
    seconds: float
    generation: int = 1
    """Which build of it is read."""


def versions() -> dict[str, Any]:
    """Return the versions of this program and of what its promises rest on."""
    return {
        "murmuration": _installed_version(),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


def _installed_version() -> str:
    try:
        return metadata.version("murmuration")
    except metadata.PackageNotFoundError:
        return "not installed"


def status(settings: Settings) -> dict[str, Any]:
    """Return everything `murmur status` prints."""
    owner = data_lock.owner(settings.data_dir)
    report: dict[str, Any] = {
        "data": str(settings.data_dir),
        "profile": settings.profile,
        "running": owner is not None,
        "owner": owner and {"command": owner.get("owner"), "pid": owner.get("pid")},
        "processes": [process(settings, name, pid) for name, pid in (owner or {}).get("children", {}).items()],
        "apis": _apis(settings, owner or {}),
        "archive": _archive(settings),
    }
    if settings.profile == "cluster":
        from infra import cluster_status  # noqa: PLC0415 - its clients are installed where there are servers

        query = next(api for api in report["apis"] if api["name"] == "query")
        return {**report, **cluster_status.log_and_projections(settings, query["url"])}
    return {
        **report,
        "log": {"topics": ends_by_topic(settings)},
        "projections": [lag._asdict() for lag in lags(settings)],
    }


def _archive(settings: Settings) -> dict[str, Any] | None:
    """Return what the last run of the archiver told, or None where there was none."""
    found = told.read(settings.run_dir)
    return None if found is None else {**msgspec.to_builtins(found), "line": found.line(time.time_ns() // 1_000_000)}


def process(settings: Settings, name: str, pid: int) -> dict[str, Any]:
    """Return how one process is; `ready` is None where it cannot be asked."""
    told = probe.announced(settings.run_dir / f"{name}.json")
    facts: dict[str, Any] = {"name": name, "pid": pid, "alive": _alive(pid), "ready": None}
    if told.get("pid") == pid:
        answer = probe.get_json(told.get("own_host", settings.host), told["own_port"], "/readyz")
        facts["ready"] = answer is not None and answer[0] == HTTPStatus.OK
        facts["said"] = _said(answer[1]) if answer else "it does not answer"
    return facts


def _said(body: Any) -> str:
    """Return what a process that is not ready says is missing."""
    if not isinstance(body, dict):
        return ""
    failing = [name for name, passed in body.get("checks", {}).items() if not passed]
    return body.get("detail") or (f"These checks fail: {', '.join(failing)}." if failing else "")


def _apis(settings: Settings, owner: dict[str, Any]) -> list[dict[str, Any]]:
    host = owner.get("host", settings.host)
    ports = {name: owner.get(f"{name}_port", getattr(settings, f"{name}_port")) for name in ("commands", "query")}
    return [
        {"name": name, "url": f"http://{host}:{port}", "ready": probe.is_ready(host, port)}
        for name, port in ports.items()
    ]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ends_by_topic(settings: Settings) -> dict[str, int]:
    """Return the number of records of each topic of facts; empty where there is no log."""
    try:
        reader = EmbeddedLogReader(settings.log_dir)
    except apsw.Error:
        return {}
    try:
        counts = dict.fromkeys(FACT_TOPICS, 0)
        for (topic, _), end in reader.end_offsets(FACT_TOPICS).items():
            counts[topic] += end
    finally:
        reader.close()
    return counts


def lags(settings: Settings) -> list[Lag]:
    """Return each projection's lag; a projection that was never built is behind by all there is."""
    try:
        reader = EmbeddedLogReader(settings.log_dir)
    except apsw.Error:
        return []
    try:
        return [_lag(settings, reader, name, topics) for name, topics in PROJECTION_TOPICS.items()]
    finally:
        reader.close()


def _lag(settings: Settings, reader: EmbeddedLogReader, name: str, topics: tuple[str, ...]) -> Lag:
    generation = FileGenerations(settings.projections_dir).of(name).active
    done = checkpoints(generation_path(settings.projections_dir, name, generation))
    ends = reader.end_offsets(topics)
    behind = {partition: done.get(partition, 0) for partition, end in ends.items() if end > done.get(partition, 0)}
    if not behind:
        return Lag(name, 0, 0.0, generation)
    since = min(reader.appended_at_ms(*partition, offset) for partition, offset in behind.items())
    events = sum(ends[partition] - offset for partition, offset in behind.items())
    return Lag(name, events, round(max(0.0, time.time() - since / 1000), 1), generation)


def checkpoints(path: Path) -> dict[TopicPartition, int]:
    """Return the checkpoints of a projection's file; none where there is no such file yet."""
    try:
        reader = SqliteProjectionReader(path)
    except apsw.Error:
        return {}
    try:
        return reader.checkpoints()
    except apsw.SQLError:
        return {}  # the file was made this very moment
    finally:
        reader.close()


def lines(report: dict[str, Any]) -> list[str]:
    """Return the report of `status` for people."""
    owner = report["owner"]
    head = f"running: `{owner['command']}`, pid {owner['pid']}" if owner else "not running; `murmur up` starts it"
    out = [f"{report['data']}: {head}"]
    out += [_process_line(it) for it in report["processes"]]
    out += [f"  {it['name']:14} {it['url']}  {'ready' if it['ready'] else 'not ready'}" for it in report["apis"]]
    topics = report["log"]["topics"]
    out += [f"not known: {it}" for it in report.get("not_known", ())]
    out.append("log: " + (", ".join(f"{name} {count}" for name, count in topics.items()) or "none yet"))
    if report["archive"]:
        out.append(f"archive: {report['archive']['line']}")
    for lag in report["projections"]:
        behind = f"{lag['events']} events, {lag['seconds']:.1f} s behind" if lag["events"] else "up to date"
        generation = f"  generation {lag['generation']}" if lag["generation"] > 1 else ""
        out.append(f"  {lag['projection']:14} {behind}{generation}")
    return out


def _process_line(process: dict[str, Any]) -> str:
    how = {True: "  ready", False: f"  not ready: {process.get('said', '')}", None: ""}[process["ready"]]
    return f"  {process['name']:14} pid {process['pid']}{how if process['alive'] else '  gone'}"


def settings_table() -> list[dict[str, Any]]:
    """Return name, environment name, default and description of every setting."""
    return [
        {
            "name": name,
            "environment": f"{PREFIX}{name.upper()}",
            "default": str(field.default),
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    ]
