"""What every journal promises; a second backend adds a parameter."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.journal.embedded import EmbeddedJournal
from infra.journal.port import (
    ANSWERS_KEPT_MS,
    AlreadyClaimedError,
    Claim,
    Commit,
    IdempotencyKey,
    IdempotencyKeyReusedError,
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


@pytest.fixture(params=[EmbeddedJournal])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedJournal]:
    ensure(tmp_path, PARTITIONS)
    with contextlib.closing(request.param(tmp_path, PARTITIONS)) as opened:
        yield opened


def commit(
    *events: Event,
    claims: tuple[Claim, ...] = (),
    releases: tuple[Claim, ...] = (),
    key: IdempotencyKey | None = None,
    body: bytes = b"{}",
) -> Commit:
    return Commit(events, claims, releases, 201, body, key)


def tweets(folder: Path) -> list[Event]:
    with contextlib.closing(EmbeddedLogReader(folder)) as log:
        batches = [log.read("tweets", partition, 0, 1000) for partition in range(4)]
        return [decode(value) for batch in batches if batch for value in batch.values]


async def test_what_is_committed_stands_at_the_positions_told(journal: EmbeddedJournal, tmp_path: Path) -> None:
    event = posted(7, 70)
    answer = await journal.commit(commit(event, body=b"told"))
    assert (answer.status, answer.body, answer.replayed) == (201, b"told", False)
    assert list(answer.positions) == journal.ends("tweets", 7) == journal.ends("tweets", None)
    assert tweets(tmp_path) == [event]


async def test_nothing_written_has_no_end(journal: EmbeddedJournal) -> None:
    assert journal.ends("tweets", 7) == journal.ends("tweets", None) == []


async def test_the_end_is_that_of_the_keys_partition(journal: EmbeddedJournal) -> None:
    for key in range(20):
        await journal.commit(commit(posted(key, 100 + key)))
    ends = journal.ends("tweets", None)
    assert sum(end.offset + 1 for end in ends) == 20
    assert all(journal.ends("tweets", key)[0] in ends for key in range(20))


async def test_a_claim_has_one_owner_and_the_loser_writes_nothing(journal: EmbeddedJournal, tmp_path: Path) -> None:
    await journal.commit(commit(posted(1, 10), claims=(Claim("name", 1),)))
    with pytest.raises(AlreadyClaimedError) as refused:
        await journal.commit(commit(posted(2, 20), claims=(Claim("other", 2), Claim("name", 2)), key=KEY))
    assert refused.value.claim == Claim("name", 2)
    assert (journal.owner("name"), journal.owner("other")) == (1, None)
    assert len(tweets(tmp_path)) == 1
    assert journal.answered(KEY) is None


async def test_what_must_be_free_is_not_written_over_a_claim(journal: EmbeddedJournal, tmp_path: Path) -> None:
    needs = commit(posted(1, 10))._replace(free=("name",))
    await journal.commit(needs)
    await journal.commit(commit(claims=(Claim("name", 2),)))
    with pytest.raises(AlreadyClaimedError):
        await journal.commit(needs)
    assert len(tweets(tmp_path)) == 1
    await journal.commit(commit(releases=(Claim("name", 2),)))
    await journal.commit(needs)


async def test_of_claims_at_the_same_moment_one_wins(journal: EmbeddedJournal, tmp_path: Path) -> None:
    commits = [commit(posted(owner, owner * 10), claims=(Claim("name", owner),)) for owner in range(1, 21)]
    outcomes = await asyncio.gather(*map(journal.commit, commits), return_exceptions=True)
    assert sum(isinstance(it, AlreadyClaimedError) for it in outcomes) == 19
    (event,) = tweets(tmp_path)
    assert event.author_id == journal.owner("name")  # type: ignore[attr-defined]


async def test_a_claim_is_released_by_its_owner_only_and_free_again(journal: EmbeddedJournal) -> None:
    await journal.commit(commit(claims=(Claim("name", 1),)))
    with pytest.raises(NotClaimedError):
        await journal.commit(commit(releases=(Claim("name", 2),)))
    await journal.commit(commit(releases=(Claim("name", 1),)))
    with pytest.raises(NotClaimedError):
        await journal.commit(commit(releases=(Claim("name", 1),)))
    await journal.commit(commit(claims=(Claim("name", 2),)))
    assert journal.owner("name") == 2


async def test_a_claim_moves_in_one_step(journal: EmbeddedJournal) -> None:
    await journal.commit(commit(claims=(Claim("name", 1),)))
    await journal.commit(commit(releases=(Claim("name", 1),), claims=(Claim("gone", 1),)))
    assert (journal.owner("name"), journal.owner("gone")) == (None, 1)


async def test_one_key_is_one_event_and_one_answer_also_at_the_same_moment(
    journal: EmbeddedJournal, tmp_path: Path
) -> None:
    commits = [commit(posted(1, 10 + n), key=KEY, body=b"%d" % n) for n in range(10)]
    answers = await asyncio.gather(*map(journal.commit, commits))
    assert {(answer.status, answer.body, answer.positions) for answer in answers} == {
        (201, b"0", tuple(journal.ends("tweets", 1)))
    }
    assert [answer.replayed for answer in answers] == [False] + [True] * 9
    assert len(tweets(tmp_path)) == 1
    assert journal.answered(KEY) == answers[1]


async def test_a_key_with_another_request_is_refused(journal: EmbeddedJournal, tmp_path: Path) -> None:
    await journal.commit(commit(posted(1, 10), key=KEY))
    other = KEY._replace(request_hash=b"other")
    with pytest.raises(IdempotencyKeyReusedError):
        await journal.commit(commit(posted(1, 11), key=other))
    with pytest.raises(IdempotencyKeyReusedError):
        journal.answered(other)
    assert journal.answered(KEY._replace(subject=6)) is None
    assert len(tweets(tmp_path)) == 1


async def test_all_of_it_is_still_there_for_the_next_process(journal: EmbeddedJournal, tmp_path: Path) -> None:
    answer = await journal.commit(commit(posted(1, 10), claims=(Claim("name", 1),), key=KEY))
    with contextlib.closing(EmbeddedJournal(tmp_path, PARTITIONS)) as second:
        assert second.owner("name") == 1
        assert second.answered(KEY) == answer._replace(replayed=True)
        assert (await second.commit(commit(posted(1, 11), key=KEY))).replayed
        assert second.ends("tweets", 1) == [Position(*answer.positions[0])]


async def test_old_answers_go_and_claims_stay(journal: EmbeddedJournal) -> None:
    for number in range(1201):
        await journal.commit(commit(claims=(Claim(f"{number}", 1),), key=IdempotencyKey(1, f"{number}", b"")))
    await journal.prune(ANSWERS_KEPT_MS)
    assert journal.answered(IdempotencyKey(1, "0", b"")) is not None
    await journal.prune(1 << 50)
    assert journal.answered(IdempotencyKey(1, "0", b"")) is None
    assert journal.answered(IdempotencyKey(1, "1200", b"")) is None
    assert journal.owner("0") == 1


async def test_records_beyond_the_retention_go_but_for_the_newest(journal: EmbeddedJournal, tmp_path: Path) -> None:
    for tweet in (10, 11, 12):
        await journal.commit(commit(posted(1, tweet)))
    await journal.cut(0, 1 << 50)
    assert len(tweets(tmp_path)) == 3
    await journal.cut(1, 1 << 50)
    (end,) = journal.ends("tweets", 1)
    with contextlib.closing(EmbeddedLogReader(tmp_path)) as log:
        assert log.first_offset("tweets", end.partition) == end.offset == 2
