"""What decoding may cost."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from tests.pictures import photograph

if TYPE_CHECKING:
    from infra.media.decoder import Decoder


def test_a_photograph_of_4_6_mb_has_its_thumbnails_within_a_second(decoder: Decoder) -> None:
    content = photograph()
    assert 4_200_000 < len(content) <= 4_600_000
    times = []
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        for _ in range(3):
            with decoder.decode(cast("BinaryIO", file), "image/jpeg") as decoded:
                assert [(it.slot, max(it.width, it.height)) for it in decoded.files] == [
                    ("served", 4_000), ("small", 340), ("medium", 680), ("large", 1_200),
                ]  # fmt: skip
            times.append(decoder.cpu_seconds)
    assert min(times) < 1.0, "of the processor: the machine may have much else to do"
