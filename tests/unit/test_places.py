"""Which place a free text names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.places import WORLD, lineage, place_of, places

US, GB, CANADA, GERMANY = 23424977, 23424975, 23424775, 23424829
LONDON, AUSTIN, NEW_YORK, TORONTO, MUNICH = 44418, 2357536, 2459115, 4118, 676757


@pytest.mark.parametrize(
    ("location", "woeid"),
    [
        ("London", LONDON),
        ("london, UK", LONDON),
        ("London, Canada", WORLD),
        ("  Austin,  TX ", AUSTIN),
        ("NYC", NEW_YORK),
        ("Brooklyn, New York", NEW_YORK),
        ("New York & London", WORLD),
        ("New York, Austin", US),
        ("Toronto, Ontario", TORONTO),
        ("München", MUNICH),
        ("Deutschland", GERMANY),
        ("\U0001f1e9\U0001f1ea", GERMANY),
        ("Munich \U0001f1e9\U0001f1ea", MUNICH),
        ("England", GB),
        ("CA", CANADA),
        ("東京", 1118370),
        ("worldwide", WORLD),
        ("the moon", WORLD),
        ("", WORLD),
        (", ,", WORLD),
    ],
)
def test_a_place_is_found_in_what_people_write(location: str, woeid: int) -> None:
    assert place_of(location) == woeid


def test_every_place_is_part_of_the_world() -> None:
    assert all(lineage(woeid)[-1] == WORLD for woeid in places())
    assert lineage(LONDON) == (LONDON, GB, WORLD)
    assert lineage(999) == (WORLD,)


def test_every_name_means_its_place() -> None:
    assert all(place_of(place.name) == place.woeid for place in places().values())


@given(st.text(max_size=100))
def test_any_text_is_some_place(location: str) -> None:
    assert place_of(location) in places()
