"""Keeps the search index in Elasticsearch.

Consumes:   the writes of projections.search.projector, each with the place of its record
Writes:     the documents of projections.search.elasticsearch_indices
Guarantee:  a document is what the log has said of it up to its version, which is the position of the record that said
            it last: Elasticsearch refuses what is older (`external_gte`), whoever sends it and however late. Each
            document is of one log partition, so nobody else's positions meet it. A removal outranks every post.
            Writes first, then the refresh that shows them, then the checkpoint (elasticsearch_showing): whoever sees
            it can find what it covers, and a span that is cut off anywhere comes again and changes nothing twice
Rebuild:    delete the indices, `murmur migrate`, start

What Elasticsearch turns down because it is busy (429) is sent again, in halves, until it takes it or the patience is
over; then the loop above waits. Nothing is read ahead meanwhile: that is the back-pressure.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra import bridge
from infra.elastic import ElasticError
from infra.log.port import TopicPartition
from infra.projections import StoreError, StoreUnavailableError, WrongSpanError
from infra.trouble import TroubleError
from projections.search.elasticsearch_bulk import Document, send
from projections.search.elasticsearch_indices import check, indices
from projections.search.elasticsearch_progress import read_checkpoints
from projections.search.elasticsearch_showing import Showing
from projections.search.projector import ForgetPerson, IndexPerson, IndexTweet, RemoveTweet, RenamePerson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.elastic import Elastic
    from infra.log.port import Span
    from infra.projections import Placed
    from infra.settings import Settings

log = logging.getLogger(__name__)

REMOVED = 1 << 62
"""Added to the position of a removal: more than any position there is."""

BULK_DOCUMENTS = 1_000  # of up to 280 characters: some 0.4 MB
LEAST_DOCUMENTS = 25
FIRST_WAIT_SECONDS, MOST_WAITS = 0.05, 6  # 3 s together
STORE = "store"
_NEWER = HTTPStatus.CONFLICT
_PEOPLE = (IndexPerson, RenamePerson, ForgetPerson)


class ElasticsearchSearchStore:
    """The writer of the indices (ProjectionStore, of Placed writes).

    It opens with the first thing that it is asked, so that a process can start while Elasticsearch is away.
    """

    def __init__(self, elastic: Elastic, settings: Settings, log_id: str, generation: int = 1) -> None:
        """Open the indices of a generation, now or, where nobody answers, later; raises TroubleError, StoreError."""
        self._elastic = elastic
        self._settings = settings
        self._log_id = log_id
        self._generation = generation
        self._indices = indices(settings, generation)
        self._is_open = False
        self._next: dict[TopicPartition, int] | None = None
        self._at_once = BULK_DOCUMENTS
        self._showing = Showing(elastic, self._indices.progress)
        try:
            self._open()
        except StoreUnavailableError as error:
            log.warning("search: it is opened later: %s", error)

    def checkpoints(self) -> dict[TopicPartition, int]:
        """Read, per partition, the offset of the next record to apply (absent: 0)."""
        if not self._is_open:
            self._open_late()
        self._showing.show()
        self._next = read_checkpoints(self._elastic, self._indices.progress)
        return dict(self._next)

    def apply(self, writes: Sequence[Placed], span: Span) -> None:
        """Apply the writes; then, at once or soon after, show them and move the checkpoint.

        Raises StoreUnavailableError: some of it may be applied, and the span has to come again. Raises
        RejectedWriteError, WrongSpanError, StoreError.
        """
        stored = self._stored(span)
        if span.end <= stored:
            return
        if span.start != stored:
            raise WrongSpanError(f"{span.topic}/{span.partition}: applied up to {stored}, given {span.start}")
        documents = {
            self._indices.tweets: _tweets(writes, span.start),
            self._indices.people: self._people(writes, span.start),
        }
        for index, those in documents.items():
            self._write(index, those)
        self._showing.add((index for index, those in documents.items() if those), span)
        self._remember(span, span.end)

    def close(self) -> None:
        """Say how far all of it is, if Elasticsearch answers; the connections are their opener's."""
        self._showing.close()

    def _open_late(self) -> None:
        """Open; what a person has to put right ends the process, whose next start says so."""
        try:
            self._open()
        except TroubleError as error:
            raise StoreError(str(error)) from error

    def _open(self) -> None:
        self._elastic.check_version()
        check(self._elastic, self._settings, self._generation)
        try:
            self._elastic.ask(
                "PUT", f"/{self._indices.progress}/_create/{STORE}?refresh=true", {"log_id": self._log_id}
            )
        except ElasticError as error:
            if error.status != _NEWER:
                raise
        held = self._elastic.ask("GET", f"/{self._indices.progress}/_source/{STORE}")["log_id"]
        if held != self._log_id:
            raise WrongSpanError(
                f"the search indices (generation {self._generation}) hold log {held}; wanted: {self._log_id}; "
                "delete them to rebuild it from the log"
            )
        self._is_open = True

    def _stored(self, span: Span) -> int:
        """Return the checkpoint: as remembered, and where the span does not fit that, as it is."""
        known = self._next if self._next is not None else self.checkpoints()
        remembered = known.get(TopicPartition(span.topic, span.partition), 0)
        if span.start == remembered:
            return remembered
        stored = self.checkpoints().get(TopicPartition(span.topic, span.partition), 0)
        self._remember(span, stored)
        return stored

    def _remember(self, span: Span, next_offset: int) -> None:
        self._next = {**(self._next or {}), TopicPartition(span.topic, span.partition): next_offset}

    def _people(self, writes: Iterable[Placed], start: int) -> list[Document]:
        """Put what the span says of people into what is known of them."""
        said = [(it.write, start + it.at + 1) for it in writes if isinstance(it.write, _PEOPLE)]
        if not said:
            return []
        known = self._known({write.user_id for write, _ in said})
        changed: dict[int, Document] = {}
        for write, position in said:
            person = known.get(write.user_id)
            if person is None and isinstance(write, IndexPerson):
                username = write.username
            elif person is not None and isinstance(write, RenamePerson) and person.version < position:
                username = person.body["username"]
            elif person is not None and isinstance(write, ForgetPerson) and person.version < position:
                username = ""
            else:  # said before, or of somebody who is not there
                continue
            names = "" if isinstance(write, ForgetPerson) else f"{username} {write.name}"
            body = {"id": write.user_id, "username": username, "names": names}
            known[write.user_id] = changed[write.user_id] = Document(write.user_id, position, body)
        return list(changed.values())

    def _known(self, user_ids: Iterable[int]) -> dict[int, Document]:
        """Read people as of now, whether they can be searched already or not."""
        target = f"/{self._indices.people}/_mget?filter_path=docs._id,docs._version,docs._source,docs.error"
        found = self._elastic.ask("POST", target, {"ids": [str(user_id) for user_id in user_ids]})["docs"]
        if failed := next((it["error"] for it in found if "error" in it), None):
            raise StoreUnavailableError(f"Elasticsearch: {failed}")
        return {
            int(it["_id"]): Document(int(it["_id"]), it["_version"], it["_source"]) for it in found if "_source" in it
        }

    def _write(self, index: str, documents: Sequence[Document]) -> None:
        waits = 0
        left = documents
        while left:
            portion, left = left[: self._at_once], left[self._at_once :]
            turned_down = send(self._elastic, index, portion).turned_down
            if not turned_down:
                self._at_once = min(self._at_once * 2, BULK_DOCUMENTS)
                continue
            if waits == MOST_WAITS:
                raise StoreUnavailableError(f"Elasticsearch is busy: {len(turned_down)} documents were turned down")
            self._at_once = max(self._at_once // 2, LEAST_DOCUMENTS)
            _wait(FIRST_WAIT_SECONDS * 2**waits)
            waits += 1
            left = [*turned_down, *left]


def _tweets(writes: Iterable[Placed], start: int) -> list[Document]:
    documents = []
    for at, write in writes:
        position = start + at + 1
        if isinstance(write, IndexTweet):
            body = {
                "id": write.tweet_id,
                "words": write.words,
                "tags": write.tags.split(),
                "facts": write.facts.split(),
            }
            documents.append(Document(write.tweet_id, position, body))
        elif isinstance(write, RemoveTweet):
            documents.append(Document(write.tweet_id, REMOVED + position, {"gone": True}))
    return documents


def _wait(seconds: float) -> None:
    if bridge.is_bridged():
        bridge.wait_for(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)
