"""Searches in Elasticsearch.

Nothing is scored: all that is asked are filters, and newest first is the order in which the index lies, so a search
ends with its page. Ids come from the sort values: no document is fetched. An answer of some shards only is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.log.port import TopicPartition
from projections.search.elasticsearch_indices import SCHEMA_VERSION, indices
from projections.search.elasticsearch_progress import Looks
from projections.search.read_model import By, HasMedia, Mentions, Phrase, Tagged, To
from projections.search.words import EVERY, MEDIA, by, names, to
from schemas.ids import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.elastic import Elastic
    from infra.settings import Settings
    from projections.search.read_model import Atom, Criteria

_SEARCH = "_search?filter_path=hits.hits.sort&allow_partial_search_results=false"


class ElasticsearchSearchReader:
    """Searches (SearchReader)."""

    SCHEMA_VERSION = SCHEMA_VERSION

    def __init__(self, elastic: Elastic, settings: Settings, generation: int = 1) -> None:
        """Ask nothing yet: Elasticsearch may be away."""
        self._elastic = elastic
        self._indices = indices(settings, generation)
        self._looks = Looks(elastic, self._indices.progress)

    def tweets(self, criteria: Criteria, max_id: int | None, limit: int) -> list[int]:
        """Return tweets that stand, newest first, below `max_id` (exclusive; None: from the newest)."""
        below = min(MAX_ID if max_id is None else max_id, criteria.until_id)
        return self._ids(self._indices.tweets, question(criteria, below), "desc", limit)

    def people(self, prefixes: Sequence[str], limit: int) -> list[int]:
        """Return accounts of whose user and display names some word begins with each of the prefixes, by id."""
        asked = {"bool": {"filter": [{"prefix": {"names": {"value": prefix}}} for prefix in prefixes]}}
        return self._ids(self._indices.people, asked, "asc", limit)

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Read, per partition, the offset up to which (exclusive) records can be found."""
        return self._looks.read()

    def next_offset(self, topic: str, partition: int) -> int:
        """Read the offset up to which (exclusive) records of one partition can be found."""
        return self.checkpoints().get(TopicPartition(topic, partition), 0)

    def close(self) -> None:
        """Nothing: the connections are their opener's."""

    def _ids(self, index: str, query: dict[str, Any], order: str, limit: int) -> list[int]:
        body = {
            "query": query,
            "size": limit,
            "sort": [{"id": order}],
            "stored_fields": "_none_",
            "track_total_hits": False,
        }
        found = self._elastic.ask("POST", f"/{index}/{_SEARCH}", body)
        return [hit["sort"][0] for hit in found.get("hits", {}).get("hits", ())]


def question(criteria: Criteria, below: int) -> dict[str, Any]:
    """Return the criteria in Elasticsearch's language."""
    required = [_atom(atom) for atom in criteria.required] or [{"term": {"facts": EVERY}}]
    bounds = {"range": {"id": {"gte": criteria.since_id, "lt": below}}}
    return {"bool": {"filter": [*required, bounds], "must_not": [_atom(atom) for atom in criteria.excluded]}}


def _atom(atom: Atom) -> dict[str, Any]:
    match atom:
        case Phrase((_, _, *_) as words):
            return {"match_phrase": {"words": " ".join(words)}}
        case Phrase(words):
            return {"term": {"words": words[0]}}
        case Tagged(tag):
            return {"term": {"tags": tag}}
        case _:
            return {"term": {"facts": _fact(atom)}}


def _fact(atom: By | To | Mentions | HasMedia) -> str:
    match atom:
        case By(user_id):
            return by(user_id)
        case To(user_id):
            return to(user_id)
        case Mentions(user_id):
            return names(user_id)
        case HasMedia():
            return MEDIA
