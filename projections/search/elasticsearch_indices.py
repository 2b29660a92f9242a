"""The indices of the search projection: their names, what they hold, and how they are made.

Three a generation, each behind an alias that is all that anybody asks or writes; a template says what indices of such
a name are like, so that the next generation's are made alike. `_meta` of an index tells by which version it was made.

index → documents
    tweets     tweet_id → its words, tags and facts; only `gone` where it was removed. Sorted newest first, so that a
               search reads no further than its page; the text itself is not kept: nothing but ids is ever asked for
    people     user_id → the words of its names; kept whole, because a new name is put into what is there
    progress   topic-partition → checkpoint; `store` → the log that all of it is of

Analysis is none: words are cut by projections.search.words, and `whitespace` takes them apart again. So this needs no
module of Elasticsearch beyond its core.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.elastic import ElasticError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from infra.elastic import Elastic
    from infra.settings import Settings

SCHEMA_VERSION = 1
LONGEST_KEPT_PREFIX = 4
"""Letters; the beginnings of words up to here are terms of their own. Of longer ones few words share each."""

_WORDS = {"type": "text", "analyzer": "whitespace", "norms": False}
_MATCHED = {"type": "keyword", "doc_values": False}
_SORTED = {"type": "long"}

MAPPINGS: dict[str, dict[str, Any]] = {
    "tweets": {
        "_source": {"enabled": False},
        "properties": {
            "id": _SORTED,
            "words": _WORDS,
            "tags": _MATCHED,
            "facts": _MATCHED,
            "gone": {"type": "boolean", "doc_values": False, "index": False},
        },
    },
    "people": {
        "properties": {
            "id": _SORTED,
            "names": {**_WORDS, "index_prefixes": {"min_chars": 1, "max_chars": LONGEST_KEPT_PREFIX}},
            "username": {"type": "keyword", "doc_values": False, "index": False},
        },
    },
    "progress": {
        "properties": {
            "topic": _MATCHED,
            "partition": {"type": "integer", "index": False},
            "next_offset": {"type": "long"},
            "log_id": _MATCHED,
        },
    },
}
PROGRESS_REFRESH_MS = 1_000
"""How soon, at the latest, a partition that has begun is found; checkpoints are read by id, which is never behind."""
_ORDERS = {"tweets": "desc", "people": "asc"}


class Indices(NamedTuple):
    """The aliases of a generation."""

    tweets: str
    people: str
    progress: str


def indices(settings: Settings, generation: int = 1) -> Indices:
    """Return the names of a generation."""
    return Indices(*(f"{_family(settings, kind)}{generation}" for kind in Indices._fields))


def make(elastic: Elastic, settings: Settings, generation: int = 1) -> None:
    """Put the templates, and make the indices of a generation that are missing; a repeat changes nothing.

    Raises TroubleError where another version made them, StoreError.
    """
    elastic.check_version()
    for kind, alias in indices(settings, generation)._asdict().items():
        elastic.ask("PUT", f"/_index_template/{_family(settings, kind)}", _template(settings, kind))
        if _found(elastic, alias) is None:
            try:
                elastic.ask("PUT", f"/{alias}-1", {"aliases": {alias: {"is_write_index": True}}})
            except ElasticError as error:
                if "resource_already_exists" not in str(error):  # by another who makes them
                    raise
    check(elastic, settings, generation)


def check(elastic: Elastic, settings: Settings, generation: int = 1) -> None:
    """Raise TroubleError where an index is missing or of another version; raises StoreError."""
    for alias in indices(settings, generation):
        found = _found(elastic, alias)
        if found is None:
            raise TroubleError(f"the search index {alias} is missing", "make it: `murmur migrate`")
        if found != SCHEMA_VERSION:
            what = f"the search index {alias} is of schema {found}, this version wants {SCHEMA_VERSION}"
            raise TroubleError(what, f"delete {_family(settings, '*')}{generation}-1, then `murmur migrate`")


def are_there(elastic: Elastic, settings: Settings, generation: int = 1) -> bool:
    """Tell whether the indices of a generation are there."""
    return all(_found(elastic, alias) is not None for alias in indices(settings, generation))


def drop(elastic: Elastic, settings: Settings, generation: int = 1) -> None:
    """Delete the indices of a generation, where they are; that of its checkpoints first."""
    for alias in reversed(indices(settings, generation)):
        elastic.ask("DELETE", f"/{alias}-1?ignore_unavailable=true")


def drop_templates(elastic: Elastic, settings: Settings) -> None:
    """Delete the templates, where they are."""
    for kind in Indices._fields:
        try:
            elastic.ask("DELETE", f"/_index_template/{_family(settings, kind)}")
        except ElasticError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise


def _family(settings: Settings, kind: str) -> str:
    return f"{settings.elasticsearch_prefix}-search-{kind}-g"


def _found(elastic: Elastic, alias: str) -> int | None:
    """Return the schema version of the index behind an alias; None where there is none."""
    try:
        answer = elastic.ask("GET", f"/{alias}/_mapping")
    except ElasticError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    (index,) = answer.values()
    version: int = index["mappings"].get("_meta", {}).get("schema_version", 0)
    return version


def _template(settings: Settings, kind: str) -> dict[str, Any]:
    refresh = PROGRESS_REFRESH_MS if kind == "progress" else settings.elasticsearch_refresh_ms
    how: dict[str, Any] = {
        "number_of_shards": 1 if kind == "progress" else settings.elasticsearch_shards,
        "number_of_replicas": settings.elasticsearch_replicas,
        "refresh_interval": "-1" if refresh < 0 else f"{refresh}ms",
        "translog.durability": "request",  # a checkpoint must not outlive what it covers
    }
    if order := _ORDERS.get(kind):
        how |= {"sort.field": "id", "sort.order": order}
    mappings = {"dynamic": "strict", "_meta": {"schema_version": SCHEMA_VERSION}, **MAPPINGS[kind]}
    return {
        "index_patterns": [f"{_family(settings, kind)}*"],
        "priority": 500,  # above what an installation has for all names
        "version": SCHEMA_VERSION,
        "template": {"settings": {"index": how}, "mappings": mappings},
    }
