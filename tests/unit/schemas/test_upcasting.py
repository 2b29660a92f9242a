"""How the fields of an old version become those of the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas import upcasting
from schemas.catalogue import BY_EVENT
from schemas.follows.events import Followed
from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    from schemas.envelope import Fields


def _shouted(fields: Fields) -> Fields:
    return {**fields, "content": fields["content"].upper(), "place": len(fields["content"])}


POSTED = BY_EVENT[TweetPosted]._replace(versions={1: 201, 2: 211}, upcasters={1: _shouted})


def _upcast(fields: Fields, version: int) -> Fields:
    for step in upcasting.steps(POSTED, version):
        fields = step(fields)
    return fields


def test_an_old_version_goes_through_its_upcaster() -> None:
    assert _upcast({"content": "tea"}, 1) == {"content": "TEA", "place": 3}


def test_the_newest_version_and_one_whose_defaults_say_it_all_take_no_step() -> None:
    assert upcasting.steps(POSTED, 2) == ()
    assert upcasting.steps(POSTED._replace(upcasters={}), 1) == ()
    assert upcasting.steps(BY_EVENT[Followed], 1) == ()


def test_a_step_without_an_upcaster_adds_what_is_new_with_its_default() -> None:
    step = upcasting.filling({"place": 1, "tags": []})
    assert step({"content": "tea"}) == {"content": "tea", "place": 1, "tags": []}
    assert step({"content": "tea", "place": 7}) == {"content": "tea", "place": 7, "tags": []}


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [("bytes", "\u00ff", b"\xff"), ("string", "x", "x"), (["null", "long"], None, None)],
)
def test_a_default_is_what_avro_reads_where_nothing_is_written(kind: object, default: object, expected: object) -> None:
    assert upcasting.default_of({"name": "it", "type": kind, "default": default}) == expected
