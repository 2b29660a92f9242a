"""Ids of messages: what they say, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.port import TopicPartition
from query_api.live.positions import InvalidEventIdError, Positions
from query_api.live.window import Window

PLACES = [TopicPartition(topic, partition) for topic in ("a", "b") for partition in range(3)]
SECRET = b"s" * 32
OFFSETS = st.integers(0, (1 << 40) - 1)


def positions(log_id: str = "log", **options: bytes) -> Positions:
    return Positions(options.get("secret", SECRET), log_id, dict.fromkeys(PLACES, 0))


@given(st.lists(st.tuples(st.sampled_from(PLACES), OFFSETS), max_size=20))
def test_an_id_says_how_far_the_log_was_read(moves: list[tuple[TopicPartition, int]]) -> None:
    here = positions()
    for place, offset in moves:
        here.advance(place, offset)
        assert positions().read(here.text()) == here.at == dict.fromkeys(PLACES, 0) | dict(here.at)
        assert here.text() == here.text_of(here.at)


@given(st.text(max_size=60))
def test_what_was_made_up_is_no_id(text: str) -> None:
    with pytest.raises(InvalidEventIdError):
        positions().read(text)


@given(st.integers(0, 30), st.integers(1, 255))
def test_an_id_with_one_bit_changed_is_no_id(at: int, bits: int) -> None:
    text = positions().text()
    changed = text[: at % len(text)] + chr((ord(text[at % len(text)]) ^ bits) & 0x7F) + text[at % len(text) + 1 :]
    if changed != text:
        with pytest.raises(InvalidEventIdError):
            positions().read(changed)


def test_an_id_of_another_log_or_installation_is_no_id() -> None:
    for other in (positions("another"), positions(secret=b"t" * 32)):
        with pytest.raises(InvalidEventIdError):
            positions().read(other.text())


def test_an_id_from_when_there_were_other_partitions_says_nothing() -> None:
    fewer = Positions(SECRET, "log", dict.fromkeys(PLACES[:-1], 7))
    assert positions().read(fewer.text()) is None


@given(st.integers(0, 50), st.integers(1, 20), st.integers(0, 100))
def test_a_window_keeps_the_newest_records(start: int, kept: int, added: int) -> None:
    window = Window(start, kept)
    for offset in range(start, start + added):
        window.add(offset, offset * 2, b"%d" % offset)
    assert window.end == start + added
    assert window.end - window.first >= min(kept, added)
    assert window.end - window.first <= kept + kept // 4 + 1
    for since in range(window.first, window.end + 1):
        assert [it.offset for it in window.since(since)] == list(range(since, window.end))
    assert all((it.key, it.value) == (it.offset * 2, b"%d" % it.offset) for it in window.since(window.first))


def test_a_window_begins_anew_where_offsets_were_left_out() -> None:
    window = Window(0, 10)
    window.add(0, 1, b"a")
    window.add(5, 2, b"b")
    assert (window.first, window.end) == (5, 6)
