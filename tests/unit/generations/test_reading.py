"""What reads a projection on servers goes after the generation that is to be read."""

from __future__ import annotations

import msgspec
import pytest

from infra.generations import reading
from infra.generations.reading import Reading
from infra.generations.record import Generation, Record, State
from infra.log.port import TopicPartition
from infra.projections import StoreUnavailableError
from infra.trouble import TroubleError
from schemas.catalogue import DEAD_LETTERS

PLACE = TopicPartition("tweets", 0)
RETRIED = TopicPartition(DEAD_LETTERS, 0)


class Store:
    """The reader of one generation, as far as it is told to be."""

    def __init__(self, number: int, applied: int) -> None:
        self.number = number
        self.applied = {PLACE: applied}

    def checkpoints(self) -> dict[TopicPartition, int]:
        return self.applied


def record(active: int, *versions: int) -> Record:
    """Return a record of generations of these versions, followed and trusted."""
    made = (Generation(at, State.FOLLOWING, 0, version, served=True) for at, version in enumerate(versions, 1))
    return Record("tweets", active=active, generations=tuple(made))


@pytest.fixture
def stores() -> dict[int, Store]:
    return {1: Store(1, applied=5), 2: Store(2, applied=3)}


@pytest.fixture
def of_tweets(stores: dict[int, Store]) -> Reading[Store]:
    return Reading("tweets", stores.__getitem__, 1, record(1, 1, 1))


def read_by(made: Reading[Store]) -> int | None:
    return None if made.reader is None else made.reader.number


def test_it_takes_over_when_it_is_as_far(of_tweets: Reading[Store], stores: dict[int, Store]) -> None:
    stores[1].applied[RETRIED] = 1
    assert not of_tweets.follow(record(2, 1, 1))
    assert (read_by(of_tweets), of_tweets.generation) == (1, 1)
    stores[2].applied[PLACE] = 5
    assert of_tweets.follow(record(2, 1, 1))
    assert (read_by(of_tweets), of_tweets.generation) == (2, 2)
    assert of_tweets.follow(record(1, 1, 1))  # the way back


def test_it_takes_over_in_the_end_though_it_stands_still(
    of_tweets: Reading[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.0)
    assert of_tweets.follow(record(2, 1, 1))


def test_a_pointer_that_moves_back_before_changes_nothing(of_tweets: Reading[Store]) -> None:
    assert not of_tweets.follow(record(2, 1, 1))
    assert not of_tweets.follow(record(1, 1, 1))
    assert read_by(of_tweets) == 1


def test_one_that_cannot_be_opened_is_told_once_and_the_other_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def make(number: int) -> Store:
        if number == 2:
            raise TroubleError("it has no tables", "make them")
        return Store(number, 5)

    made = Reading("tweets", make, 1, record(1, 1, 1))
    for _ in range(3):
        assert not made.follow(record(2, 1, 1))
    assert read_by(made) == 1
    assert caplog.messages == ["a generation cannot be read; the one before goes on"]


def test_a_server_that_is_away_is_its_poller_s_affair(of_tweets: Reading[Store], stores: dict[int, Store]) -> None:
    def away() -> dict[TopicPartition, int]:
        raise StoreUnavailableError("away")

    stores[2].checkpoints = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        of_tweets.follow(record(2, 1, 1))
    assert read_by(of_tweets) == 1


def test_of_another_version_the_newest_trusted_one_is_read_or_none(of_tweets: Reading[Store]) -> None:
    newer = record(2, 1, 7)
    assert not of_tweets.follow(newer)
    assert read_by(of_tweets) == 1
    gone = msgspec.structs.replace(newer, generations=newer.generations[1:])
    of_tweets.follow(gone)
    assert (read_by(of_tweets), of_tweets.reason) == (None, "generation 2 is of another version of this program")
    of_tweets.follow(record(1, 1))
    assert (read_by(of_tweets), of_tweets.reason) == (1, "")
