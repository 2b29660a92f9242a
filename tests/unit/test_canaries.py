"""The search for canaries finds them in every form, or an erasure would be held to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.canaries import Canaries, cut_off, in_all_forms

if TYPE_CHECKING:
    from pathlib import Path


def test_a_canary_is_found_in_every_form(tmp_path: Path) -> None:
    canaries = Canaries()
    text = canaries.new("here", "a text with {} in it")
    for number, content in enumerate(in_all_forms(text)):
        (tmp_path / str(number)).write_bytes(b"\0\1\2" * number + content)
    (tmp_path / "innocent").write_bytes(b"nothing of the kind" * 100)
    assert canaries.found_in(tmp_path) == {"here (0)": [str(number) for number in range(9)]}


def test_a_canary_is_found_in_what_a_part_of_an_export_begins_with(tmp_path: Path) -> None:
    canaries = Canaries()
    (tmp_path / "part").write_bytes(cut_off(canaries.new("here")))
    assert canaries.found_in(tmp_path) == {"here (0)": ["part"]}
