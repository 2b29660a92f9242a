"""The backend on Elasticsearch: indices of the run's own, a new generation for each file that a test would make."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.elastic import Elastic
from infra.projections import placed
from projections.search import elasticsearch_indices as indices
from projections.search import projector
from projections.search.elasticsearch import ElasticsearchSearchStore
from projections.search.elasticsearch_reader import ElasticsearchSearchReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.projections import Placed, ProjectionStore
    from infra.settings import Settings
    from schemas.envelope import Event

_number = count()


class Session(NamedTuple):
    """The connection of this run, its settings, and which path the indices of a generation stand for."""

    elastic: Elastic
    settings: Settings
    paths: list[Path]

    def generation_of(self, path: Path) -> int:
        """Return the generation for a path: made where the path was not opened last, in place of the one before."""
        if not self.paths or self.paths[-1] != path:
            self.drop_last()
            self.paths.append(path)
            indices.make(self.elastic, self.settings, len(self.paths))
        return len(self.paths)

    def drop_last(self) -> None:
        if self.paths:
            indices.drop(self.elastic, self.settings, len(self.paths))


_sessions: list[Session] = []


class ElasticBackend(NamedTuple):
    """What tests.contract.backends.Backend has."""

    project: Callable[[Sequence[Event]], Sequence[Placed]]
    open_store: Callable[[Path, str], ProjectionStore]
    open_reader: Callable[[Path], Any]


def elastic_backend() -> ElasticBackend:
    """Return the backend; it works within `connected`."""

    def open_store(path: Path, log_id: str) -> ProjectionStore:
        session = _sessions[-1]
        return ElasticsearchSearchStore(session.elastic, session.settings, log_id, session.generation_of(path))

    def open_reader(path: Path) -> ElasticsearchSearchReader:
        session = _sessions[-1]
        return ElasticsearchSearchReader(session.elastic, session.settings, session.generation_of(path))

    return ElasticBackend(placed(projector.project), open_store, open_reader)


@contextmanager
def connected(settings: Settings) -> Iterator[Session]:
    """Give the backend a connection, and take away what it made, for the length of a `with`."""
    own = settings.model_copy(update={"elasticsearch_prefix": f"contract-{os.getpid()}-{next(_number)}"})
    with closing(Elastic(own)) as elastic:
        session = Session(elastic, own, [])
        _sessions.append(session)
        try:
            yield session
        finally:
            _sessions.remove(session)
            session.drop_last()
            indices.drop_templates(elastic, own)
