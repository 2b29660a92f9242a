"""Sends documents to an index in one request, each unless the index holds a later version of it already."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.projections import RejectedWriteError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.elastic import Elastic

_BUSY = HTTPStatus.TOO_MANY_REQUESTS
_NEWER = HTTPStatus.CONFLICT
_BULK = "_bulk?require_alias=true&filter_path=errors,items.*._id,items.*.status,items.*.error"


class Document(NamedTuple):
    """What an index is to hold, unless it holds more already."""

    id: int | str
    version: int
    body: Mapping[str, Any]


class Sent(NamedTuple):
    """What became of documents: whether some are new to the index, and which were turned down for want of time."""

    created: bool
    turned_down: list[Document]


def send(elastic: Elastic, index: str, documents: Sequence[Document]) -> Sent:
    """Send the documents in one request.

    Raises RejectedWriteError where one of them cannot be stored, StoreUnavailableError, StoreError.
    """
    lines: list[Any] = []
    for it in documents:
        lines += ({"index": {"_id": str(it.id), "version": it.version, "version_type": "external_gte"}}, it.body)
    answer = elastic.ask("POST", f"/{index}/{_BULK}", lines)
    results = [item["index"] for item in answer["items"]]
    if answer["errors"]:
        for result in results:
            _raise(result)
    return Sent(
        any(result["status"] == HTTPStatus.CREATED for result in results),
        [it for it, result in zip(documents, results, strict=True) if result["status"] == _BUSY],
    )


def _raise(result: Mapping[str, Any]) -> None:
    """Raise what became of one document, unless it is there, or is to be sent again."""
    status, error = result["status"], result.get("error")
    if error is None or status in {_NEWER, _BUSY}:
        return
    said = f"Elasticsearch: {result.get('_id')}: {error.get('type')}: {error.get('reason')}"
    if status == HTTPStatus.BAD_REQUEST:
        raise RejectedWriteError(said)
    raise StoreUnavailableError(said) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else StoreError(said)
