"""What every journal promises; tests/cluster/test_journal_contract.py runs it over Kafka and Cassandra."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from infra.journal.embedded import EmbeddedJournal
from infra.journal.port import (
    ANSWERS_KEPT_MS,
    AlreadyClaimedError,
    Claim,
    Commit,
    IdempotencyKey,
    IdempotencyKeyReusedError,
    Journal,
    NotClaimedError,
)
from infra.log.embedded import EmbeddedLogReader, ensure
from infra.log.port import Position
from schemas.codec import decode
from tests.builders import posted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.envelope import Event

PARTITIONS = {"tweets": 4}
KEY = IdempotencyKey(5, "key", b"hash")


class World(Protocol):
    """One journal on a log of its own, as the suite uses it."""

    @property
    def journal(self) -> Journal:
        """Return the journal of one process."""

    def again(self) -> Journal:
        """Return the journal of another process."""

    def tweets(self) -> list[Event]:
        """Return what is on the log."""

    def close(self) -> None:
        """Close the journals."""


class EmbeddedWorld:
    """The embedded backend."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ensure(folder, PARTITIONS)
        self._open = contextlib.ExitStack()
        self.journal = self.again()

    def again(self) -> EmbeddedJournal:
        return self._open.enter_context(contextlib.closing(EmbeddedJournal(self._folder, PARTITIONS)))

    def tweets(self) -> list[Event]:
        with contextlib.closing(EmbeddedLogReader(self._folder)) as log:
            batches = [log.read("tweets", partition, 0, 1000) for partition in range(4)]
            return [decode(value) for batch in batches if batch for value in batch.values]

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with contextlib.closing(EmbeddedWorld(tmp_path)) as opened:
        yield opened


@pytest.fixture
def journal(world: World) -> Journal:
    return world.journal


def commit(
    *events: Event,
    claims: tuple[Claim, ...] = (),
    releases: tuple[Claim, ...] = (),
    key: IdempotencyKey | None = None,
    body: bytes = b"{}",
) -> Commit:
    return Commit(events, claims, releases, 201, body, key)


async def test_what_is_committed_stands_at_the_positions_told(world: World) -> None:
    journal = world.journal
    event = posted(7, 70)
    answer = await journal.commit(commit(event, body=b"told"))
    assert (answer.status, answer.body, answer.replayed) == (201, b"told", False)
    assert list(answer.positions) == journal.ends("tweets", 7) == journal.ends("tweets", None)
    assert world.tweets() == [event]


async def test_nothing_written_has_no_end(journal: Journal) -> None:
    assert journal.ends("tweets", 7) == journal.ends("tweets", None) == []


async def test_the_end_is_that_of_the_keys_partition(journal: Journal) -> None:
    for key in range(20):
        await journal.commit(commit(posted(key, 100 + key)))
    ends = journal.ends("tweets", None)
    assert sum(end.offset + 1 for end in ends) == 20
    assert all(journal.ends("tweets", key)[0] in ends for key in range(20))


async def test_a_claim_has_one_owner_and_the_loser_writes_nothing(world: World) -> None:
    journal = world.journal
    await journal.commit(commit(posted(1, 10), claims=(Claim("name", 1),)))
    with pytest.raises(AlreadyClaimedError) as refused:
        await journal.commit(commit(posted(2, 20), claims=(Claim("other", 2), Claim("name", 2)), key=KEY))
    assert refused.value.claim == Claim("name", 2)
    assert (journal.owner("name"), journal.owner("other")) == (1, None)
    assert len(world.tweets()) == 1
    assert journal.answered(KEY) is None


async def test_what_must_be_free_is_not_written_over_a_claim(world: World) -> None:
    journal = world.journal
    needs = commit(posted(1, 10))._replace(free=("name",))
    await journal.commit(needs)
    await journal.commit(commit(claims=(Claim("name", 2),)))
    with pytest.raises(AlreadyClaimedError):
        await journal.commit(needs)
    assert len(world.tweets()) == 1
    await journal.commit(commit(releases=(Claim("name", 2),)))
    await journal.commit(needs)


async def test_of_claims_at_the_same_moment_one_wins(world: World) -> None:
    journal = world.journal
    commits = [commit(posted(owner, owner * 10), claims=(Claim("name", owner),)) for owner in range(1, 21)]
    outcomes = await asyncio.gather(*map(journal.commit, commits), return_exceptions=True)
    assert sum(isinstance(it, AlreadyClaimedError) for it in outcomes) == 19
    (event,) = world.tweets()
    assert event.author_id == journal.owner("name")  # type: ignore[attr-defined]


async def test_a_claim_is_released_by_its_owner_only_and_free_again(journal: Journal) -> None:
    await journal.commit(commit(claims=(Claim("name", 1),)))
    with pytest.raises(NotClaimedError):
        await journal.commit(commit(releases=(Claim("name", 2),)))
    await journal.commit(commit(releases=(Claim("name", 1),)))
    with pytest.raises(NotClaimedError):
        await journal.commit(commit(releases=(Claim("name", 1),)))
    await journal.commit(commit(claims=(Claim("name", 2),)))
    assert journal.owner("name") == 2


async def test_a_claim_moves_in_one_step(journal: Journal) -> None:
    await journal.commit(commit(claims=(Claim("name", 1),)))
    await journal.commit(commit(releases=(Claim("name", 1),), claims=(Claim("gone", 1),)))
    assert (journal.owner("name"), journal.owner("gone")) == (None, 1)


async def test_one_key_is_one_event_and_one_answer_also_at_the_same_moment(world: World) -> None:
    journal = world.journal
    commits = [commit(posted(1, 10 + n), key=KEY, body=b"%d" % n) for n in range(10)]
    answers = await asyncio.gather(*map(journal.commit, commits))
    assert {(answer.status, answer.body, answer.positions) for answer in answers} == {
        (201, b"0", tuple(journal.ends("tweets", 1)))
    }
    assert [answer.replayed for answer in answers] == [False] + [True] * 9
    assert len(world.tweets()) == 1
    assert journal.answered(KEY) == answers[1]


async def test_a_key_with_another_request_is_refused(world: World) -> None:
    journal = world.journal
    await journal.commit(commit(posted(1, 10), key=KEY))
    other = KEY._replace(request_hash=b"other")
    with pytest.raises(IdempotencyKeyReusedError):
        await journal.commit(commit(posted(1, 11), key=other))
    with pytest.raises(IdempotencyKeyReusedError):
        journal.answered(other)
    assert journal.answered(KEY._replace(subject=6)) is None
    assert len(world.tweets()) == 1


async def test_all_of_it_is_still_there_for_the_next_process(world: World) -> None:
    journal = world.journal
    answer = await journal.commit(commit(posted(1, 10), claims=(Claim("name", 1),), key=KEY))
    second = world.again()
    assert second.owner("name") == 1
    assert second.answered(KEY) == answer._replace(replayed=True)
    assert (await second.commit(commit(posted(1, 11), key=KEY))).replayed
    assert second.ends("tweets", 1) == [Position(*answer.positions[0])]


async def test_old_answers_go_and_claims_stay(journal: Journal) -> None:
    commits = [commit(claims=(Claim(f"{n}", 1),), key=IdempotencyKey(1, f"{n}", b"")) for n in range(1201)]
    for start in range(0, len(commits), 48):
        await asyncio.gather(*map(journal.commit, commits[start : start + 48]))
    await journal.prune(ANSWERS_KEPT_MS)
    assert journal.answered(IdempotencyKey(1, "0", b"")) is not None
    await journal.prune(1 << 50)
    assert journal.answered(IdempotencyKey(1, "0", b"")) is None
    assert journal.answered(IdempotencyKey(1, "1200", b"")) is None
    assert journal.owner("0") == 1


async def test_a_commit_of_nothing_proves_that_the_log_takes_one(world: World) -> None:
    assert await world.journal.commit(commit()) == (201, b"{}", (), False)
    assert world.tweets() == []


async def test_of_two_processes_that_commit_under_one_key_one_does(world: World) -> None:
    one, other = world.journal, world.again()
    commits = [(journal, commit(posted(1, 10 + n), key=KEY)) for n, journal in enumerate((one, other) * 5)]
    answers = await asyncio.gather(*(journal.commit(it) for journal, it in commits))
    assert len({(answer.body, answer.positions) for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == len(world.tweets()) == 1


async def test_of_two_processes_that_claim_one_name_one_has_it(world: World) -> None:
    one, other = world.journal, world.again()
    for number in range(10):
        claims = [commit(posted(who, 100 * who + number), claims=(Claim(f"{number}", who),)) for who in (1, 2)]
        outcomes = await asyncio.gather(one.commit(claims[0]), other.commit(claims[1]), return_exceptions=True)
        assert sum(isinstance(it, AlreadyClaimedError) for it in outcomes) == 1
        assert one.owner(f"{number}") == other.owner(f"{number}") != None  # noqa: E711 - a chain
    assert len(world.tweets()) == 10


async def test_what_needs_a_name_free_stands_before_what_claims_it_or_not_at_all(world: World) -> None:
    one, other = world.journal, world.again()
    for number in range(10):
        follow = commit(posted(1, 1000 + number))._replace(free=(f"{number}",))
        block = commit(posted(1, 2000 + number), claims=(Claim(f"{number}", 1),))
        outcomes = await asyncio.gather(one.commit(follow), other.commit(block), return_exceptions=True)
        said = [event.tweet_id % 1000 for event in world.tweets() if event.tweet_id // 1000 == 1]  # type: ignore[attr-defined]
        assert (number in said) == (not isinstance(outcomes[0], AlreadyClaimedError))
        if number in said:
            order = [event.tweet_id for event in world.tweets()]  # type: ignore[attr-defined]
            assert order.index(1000 + number) < order.index(2000 + number)


async def test_a_refused_commit_leaves_its_key_for_the_next_try(world: World) -> None:
    journal = world.journal
    await journal.commit(commit(claims=(Claim("name", 1),)))
    with pytest.raises(AlreadyClaimedError):
        await journal.commit(commit(posted(2, 20), claims=(Claim("name", 2),), key=KEY))
    answer = await journal.commit(commit(posted(2, 20), claims=(Claim("free", 2),), key=KEY, body=b"second"))
    assert (answer.body, answer.replayed) == (b"second", False)
    assert len(world.tweets()) == 1
