"""How far the search indices are: a document a partition, read by id, which sees what no refresh has shown yet.

So a checkpoint costs no refresh, which is half of what a small batch costs. Which documents there are, only a search
tells: a partition that has begun is refreshed once, and looked for now and then.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from infra.elastic import ElasticError
from infra.log.port import TopicPartition
from infra.projections import StoreUnavailableError
from projections.search.elasticsearch_bulk import Document, send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.elastic import Elastic
    from infra.log.port import Span

MOST_PARTITIONS = 10_000
"""Documents that one answer holds."""
LIST_SECONDS = 0.5
_PARTITIONS = {"size": MOST_PARTITIONS, "query": {"exists": {"field": "next_offset"}}}
_SEARCH = "_search?allow_partial_search_results=false&filter_path=hits.hits"


def read_checkpoints(elastic: Elastic, progress: str) -> dict[TopicPartition, int]:
    """Read, per partition, the offset up to which (exclusive) records can be found; for those who may refresh.

    Of an index that is gone nothing can be found.
    """
    try:
        elastic.ask("POST", f"/{progress}/_refresh")
        found = elastic.ask("POST", f"/{progress}/{_SEARCH}._source", _PARTITIONS)
    except ElasticError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return {}
    return _checkpoints(hit["_source"] for hit in _hits(found))


def move_checkpoints(elastic: Elastic, progress: str, spans: Iterable[Span]) -> None:
    """Say that spans can be found, in one request; where another worker has said more, that stands."""
    sent = send(elastic, progress, [_document(span) for span in spans])
    if sent.turned_down:
        raise StoreUnavailableError("Elasticsearch is busy: checkpoints were turned down")
    if sent.created:
        elastic.ask("POST", f"/{progress}/_refresh")


def _document(span: Span) -> Document:
    body = {"topic": span.topic, "partition": span.partition, "next_offset": span.end}
    return Document(f"{span.topic}-{span.partition}", span.end, body)


class Looks:
    """Reads checkpoints again and again, as one who may only read."""

    def __init__(self, elastic: Elastic, progress: str) -> None:
        self._elastic = elastic
        self._progress = progress
        self._ids: list[str] = []
        self._listed_at = float("-inf")

    def read(self) -> dict[TopicPartition, int]:
        """Return, per partition, the offset up to which (exclusive) records can be found."""
        now = time.monotonic()
        if not self._ids or now - self._listed_at >= LIST_SECONDS:
            found = self._elastic.ask("POST", f"/{self._progress}/{_SEARCH}._id", _PARTITIONS)
            self._ids, self._listed_at = [hit["_id"] for hit in _hits(found)], now
        if not self._ids:
            return {}
        told = self._elastic.ask("POST", f"/{self._progress}/_mget?filter_path=docs._source", {"ids": self._ids})
        return _checkpoints(it["_source"] for it in told.get("docs", ()) if it)


def _hits(answer: Any) -> Any:
    return answer.get("hits", {}).get("hits", ())


def _checkpoints(documents: Iterable[Any]) -> dict[TopicPartition, int]:
    return {TopicPartition(it["topic"], it["partition"]): it["next_offset"] for it in documents}
