"""What is packed in parts is one ZIP, wherever it was cut and whoever went on with it."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from typing import TYPE_CHECKING

import msgspec
import pytest

from commands.privacy import zip_pieces
from commands.privacy.packing import Packing, Standing, digest_of

if TYPE_CHECKING:
    from commands.privacy.zip_pieces import Entry

FILES = {"a.jsonl": b"line\n" * 3_000, "empty": b"", "é/b.bin": random.Random(1).randbytes(9_000)}


class Parts:
    """An archive under way, of which whoever goes on has the parts and where it stood alone."""

    def __init__(self) -> None:
        self.raw = b""
        self.closed: list[Entry] = []

    def cut(self, packing: Packing) -> Packing:
        content, closed, standing = packing.cut()
        self.raw += content
        self.closed += closed
        told = msgspec.json.decode(msgspec.json.encode(standing), type=Standing)
        digest = digest_of([self.raw[told.entry.begins :]]) if told.entry else None
        return Packing(told, digest)


@pytest.mark.parametrize("seed", range(20))
def test_an_archive_is_the_same_wherever_it_is_cut(seed: int) -> None:
    dice, parts, packing = random.Random(seed), Parts(), Packing(Standing())
    for name, content in FILES.items():
        packing.begin(name, level=0 if name.endswith("bin") else 6, records=0)
        at = 0
        while at < len(content):
            step = dice.randint(1, 4_000)
            packing.add(content[at : at + step], 1)
            at += step
            if dice.random() < 0.5:
                packing = parts.cut(packing)
        packing.end()
        if dice.random() < 0.5:
            packing = parts.cut(packing)
    packing = parts.cut(packing)
    start = packing.at
    packing.put(b"".join(map(zip_pieces.listed, parts.closed)))
    packing.put(zip_pieces.end(packing.entries, start, packing.at))
    parts.cut(packing)
    with zipfile.ZipFile(io.BytesIO(parts.raw)) as packed:
        assert packed.testzip() is None
        assert {name: packed.read(name) for name in packed.namelist()} == FILES
    assert {it.name: it.sha256 for it in parts.closed} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }


def test_an_archive_of_more_files_than_16_bits_count_is_read() -> None:
    packing = Packing(Standing())
    for number in range(66_000):
        packing.begin(f"f{number}", level=0)
        packing.end()
    content, closed, standing = packing.cut()
    directory = b"".join(map(zip_pieces.listed, closed))
    end = zip_pieces.end(standing.entries, standing.at, standing.at + len(directory))
    with zipfile.ZipFile(io.BytesIO(content + directory + end)) as packed:
        assert len(packed.namelist()) == 66_000
        assert packed.read("f65999") == b""


def test_nothing_is_added_to_no_file() -> None:
    with pytest.raises(ValueError, match="no file"):
        Packing(Standing()).add(b"words")
