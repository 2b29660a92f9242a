"""What decoding may cost, beside what the libraries take for the least of it."""

from __future__ import annotations

import io
import tempfile
import time
from typing import TYPE_CHECKING, BinaryIO, cast

from PIL import Image

from tests.pictures import photograph

if TYPE_CHECKING:
    from infra.media.decoder import Decoder

MOST_TIMES_PLAIN = 8.0
"""3.4 on two idle cores: 0.38 s beside 0.11, of the second that a photograph may take."""


def plain_seconds(content: bytes) -> float:
    """CPU seconds of reading the picture and writing it again."""
    began = time.process_time()
    with Image.open(io.BytesIO(content)) as image:
        image.save(io.BytesIO(), "JPEG", quality=90)
    return time.process_time() - began


def test_a_photograph_of_4_6_mb_has_its_thumbnails_for_some_times_the_price_of_a_copy(decoder: Decoder) -> None:
    content = photograph()
    assert 4_200_000 < len(content) <= 4_600_000
    plain = [plain_seconds(content) for _ in range(2)]
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
    plain += [plain_seconds(content) for _ in range(2)]
    assert min(times) < MOST_TIMES_PLAIN * max(plain)
