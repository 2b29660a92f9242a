"""What every store promises about spans and checkpoints, whatever it keeps."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from infra.log.port import Span, TopicPartition
from infra.projections import WrongSpanError
from projections.notifications.read_model import DAY_MS, Group, Kind
from projections.search.read_model import Criteria
from tests.builders import EPOCH_MS, followed, liked, posted, registered, reported, uploaded
from tests.contract.backends import BACKENDS, LOG_ID, Backend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.envelope import Event

SAMPLES: dict[str, list[Event]] = {
    "accounts": [registered(user_id) for user_id in range(1, 5)],
    "tweets": [posted(1, tweet_id) for tweet_id in range(1, 5)],
    "graph": [followed(1, target) for target in range(2, 6)],
    "engagement": [liked(user_id, (10, 1)) for user_id in range(2, 6)],
    "search": [posted(1, tweet_id) for tweet_id in range(1, 5)],
    "trends": [replace(posted(1, tweet_id), hashtags=("tag",)) for tweet_id in range(1, 5)],
    "notifications": [liked(user_id, (10, 1)) for user_id in range(2, 6)],
    "media": [uploaded(1, media_id) for media_id in range(1, 5)],
    "moderation": [reported(subject, 1, by=2) for subject in range(1, 5)],
    "spam": [posted(author, author) for author in range(1, 5)],
}
LIKES = Group(Kind.LIKE, 10, EPOCH_MS // DAY_MS)
PARTITION = TopicPartition("a-topic", 3)

every_store = pytest.mark.parametrize(
    ("name", "backend"),
    [pytest.param(name, it, id=f"{name}-{kind}") for name, kinds in BACKENDS.items() for kind, it in kinds.items()],
)


def span(start: int, end: int) -> Span:
    return Span(*PARTITION, start, end)


COUNTED: dict[str, Callable[[Any], int]] = {
    "accounts": lambda reader: len(reader.many(range(1, 5))),
    "tweets": lambda reader: len(reader.many(range(1, 5))),
    "graph": lambda reader: len(reader.following(1, None, 9)),
    "moderation": lambda reader: len(reader.cases(range(1, 5))),
    "spam": lambda reader: len(reader.seen(range(1, 5))),
    "engagement": lambda reader: len(reader.likers(10, None, 9)),
    "search": lambda reader: len(reader.tweets(Criteria(), None, 9)),
    "trends": lambda reader: len(reader.tweets("tag", 0, 9)),
    "notifications": lambda reader: sum(map(len, reader.groups(1, [LIKES], 9).values())),
    "media": lambda reader: len(reader.many(range(1, 5))),
}


def held(name: str, reader: Any) -> int:
    """How many of the samples a reader sees."""
    return COUNTED[name](reader)


@every_store
def test_writes_and_checkpoint_are_there_together(name: str, backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "g1.db"
    with closing(backend.open_store(path, LOG_ID)) as store, closing(backend.open_reader(path)) as reader:
        assert (held(name, reader), reader.checkpoints()) == (0, {})
        store.apply(backend.project(SAMPLES[name][:2]), span(0, 2))
        assert (held(name, reader), reader.checkpoints()) == (2, {PARTITION: 2})
        assert reader.next_offset(*PARTITION) == 2
        assert store.checkpoints() == {PARTITION: 2}


@every_store
def test_a_span_that_comes_again_changes_nothing(name: str, backend: Backend, tmp_path: Path) -> None:
    with closing(backend.open_store(tmp_path / "g1.db", LOG_ID)) as store:
        store.apply(backend.project(SAMPLES[name][:2]), span(0, 2))
        store.apply(backend.project(SAMPLES[name]), span(0, 2))
        store.apply(backend.project(SAMPLES[name]), span(0, 1))
        with closing(backend.open_reader(tmp_path / "g1.db")) as reader:
            assert (held(name, reader), reader.checkpoints()) == (2, {PARTITION: 2})


@every_store
@pytest.mark.parametrize("wrong", [(3, 4), (1, 3)])
def test_a_span_that_leaves_a_gap_or_overlaps_is_refused(
    name: str, backend: Backend, wrong: tuple[int, int], tmp_path: Path
) -> None:
    with closing(backend.open_store(tmp_path / "g1.db", LOG_ID)) as store:
        store.apply(backend.project(SAMPLES[name][:2]), span(0, 2))
        with pytest.raises(WrongSpanError):
            store.apply(backend.project(SAMPLES[name]), span(*wrong))
        with closing(backend.open_reader(tmp_path / "g1.db")) as reader:
            assert (held(name, reader), reader.checkpoints()) == (2, {PARTITION: 2})


@every_store
def test_a_store_goes_on_where_it_stopped(name: str, backend: Backend, tmp_path: Path) -> None:
    for start in (0, 2):
        with closing(backend.open_store(tmp_path / "g1.db", LOG_ID)) as store:
            store.apply(backend.project(SAMPLES[name][start : start + 2]), span(start, start + 2))
    with closing(backend.open_reader(tmp_path / "g1.db")) as reader:
        assert held(name, reader) == 4


@every_store
def test_a_store_of_another_log_is_refused(name: str, backend: Backend, tmp_path: Path) -> None:
    with closing(backend.open_store(tmp_path / "g1.db", LOG_ID)) as store:
        store.apply(backend.project(SAMPLES[name]), span(0, 4))
    with pytest.raises(WrongSpanError, match="to rebuild it from the log"):
        backend.open_store(tmp_path / "g1.db", "another-log")
