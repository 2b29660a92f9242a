"""2,000 hurtful files: accepted only if they decode, and none takes anything else along."""

from __future__ import annotations

import io
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
from PIL import Image

from infra.media.confine import MEMORY_BYTES
from infra.media.decoder import Decoder
from infra.media.kinds import ACCEPTED, HEAD_BYTES, sniffed
from infra.media.report import CODES, RefusedError
from tests.mutants import mutants

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from infra.media.decoder import Decoded

MUTANTS = 2_000
SEED = 20_261_123
SLOWEST_S = 60.0  # of one file, on a machine that has much else to do; most take 10 ms
LIBRARIES_BYTES = 200 << 20
"""What the child has of its parent, and maps of the libraries, beside what decoding takes."""


def decodes(decoded: Decoded) -> bool:
    """Tell whether what is to be served can be decoded: by the libraries again, in this process."""
    served = decoded.file("served")
    assert served is not None
    content = served.content.read()
    if decoded.kind == "video":
        container: Any = av.open(io.BytesIO(content))
        with container:
            container.streams.video[0].thread_type = "NONE"  # else an error is told with whichever packet comes next
            return any(map(_shows, container.demux(video=0)))
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.size == (served.width, served.height)


def _shows(packet: Any) -> bool:
    """Tell whether there is a frame in it; a video may have damaged ones, too."""
    try:
        return bool(packet.decode())
    except av.error.InvalidDataError:
        return False


def test_mutants_are_accepted_only_if_they_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with closing(Decoder(inside)) as decoder:
        decoder.start()
        process = decoder.process_id
        for mutant in mutants(MUTANTS, SEED):
            content_type = sniffed(mutant[:HEAD_BYTES])
            if content_type is None:
                outcomes["not taken"] += 1
                continue
            began = time.monotonic()
            with tempfile.TemporaryFile(dir=tmp_path) as file:
                file.write(mutant)
                file.flush()
                try:
                    with decoder.decode(cast("BinaryIO", file), content_type) as decoded:
                        assert ACCEPTED[content_type].video == (decoded.kind == "video")
                        assert decodes(decoded)
                        outcomes[decoded.kind] += 1
                except RefusedError as refused:
                    outcomes[str(refused)] += 1
            slowest = max(slowest, time.monotonic() - began)
        assert decoder.process_id == process, "the decoding process outlives what its children are given"
        print(f"\n{dict(outcomes)}, slowest {slowest:.2f} s, most memory {decoder.most_memory_bytes >> 20} MiB")  # noqa: T201
        assert decoder.most_memory_bytes <= MEMORY_BYTES + LIBRARIES_BYTES
    assert sum(outcomes.values()) == MUTANTS
    assert set(outcomes) <= {*CODES, "image", "gif", "video", "not taken"}
    assert slowest < SLOWEST_S
    assert list(inside.iterdir()) == list(outside.iterdir()) == []
    assert all(outcomes[kind] for kind in ("image", "video", "gif", "not_decodable", "not taken"))
