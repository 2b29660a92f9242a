"""What a Range header asks for (RFC 9110, section 14.1.2)."""

from __future__ import annotations

import pytest

from query_api.media.files import Part, part_asked_for


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-9", Part(0, 10)),
        ("bytes=90-", Part(90, 100)),
        ("bytes=90-1000", Part(90, 100)),
        ("bytes=-10", Part(90, 100)),
        ("bytes=-1000", Part(0, 100)),
        ("bytes=99-99", Part(99, 100)),
        ("bytes=100-", Part(100, 100)),
        ("bytes=-0", Part(100, 100)),
        ("bytes=9-1", None),
        ("bytes=0-1,5-6", None),
        ("bytes=" + "0-1," * 10_000, None),
        ("lines=0-9", None),
        ("bytes=a-b", None),
    ],
)
def test_a_part_is_what_was_asked_for_or_all(asked: str | None, part: Part | None) -> None:
    assert part_asked_for(asked, 100) == part
