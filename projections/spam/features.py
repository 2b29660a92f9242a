"""What of a tweet the score is made from. Pure.

Near-duplicates are found by minhash: of all three-word runs of a text without its links and names, the smallest of
each of eight hashes. The share of equal ones estimates how many runs two texts share (Broder 1997).
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

HASHES = 8
ALIKE = 5
"""Of HASHES that are equal in near-duplicates: some 60 % of the runs."""
RUN = 3
SIGNATURES_KEPT = 4_096
"""Some 500 bytes each."""
MOST_HOSTS, MOST_MENTIONS = 3, 6
"""Of one tweet that are remembered."""

_NAMES_AND_LINKS = re.compile(r"https?://\S+|[@#]\w+|\d+")
_WORD = re.compile(r"\w+")
_HASHES = struct.Struct(f">{HASHES}I")

Signature = tuple[int, ...]


def signature(text: str) -> Signature:
    """Return the minhash of a text; empty for one without words."""
    return _minhash(" ".join(_WORD.findall(_NAMES_AND_LINKS.sub(" ", text.lower()))))


@lru_cache(maxsize=SIGNATURES_KEPT)  # what is said again and again is said in the same words
def _minhash(said: str) -> Signature:
    if not said:
        return ()
    words = said.split(" ")
    runs = {" ".join(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1))}
    hashed = [_HASHES.unpack(blake2b(run.encode(), digest_size=4 * HASHES).digest()) for run in runs]
    return tuple(map(min, zip(*hashed, strict=True)))


def alike(one: Signature, other: Signature) -> bool:
    """Tell whether two texts are near-duplicates."""
    return bool(one) and sum(map(int.__eq__, one, other)) >= ALIKE


def hosts(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that a tweet links to, each once."""
    found = dict.fromkeys(host for url in urls if (host := _host(url)))
    return tuple(found)[:MOST_HOSTS]


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "://" in url else f"http://{url}").hostname or "").removeprefix("www.")
    except ValueError:  # brackets that are no address
        return ""
