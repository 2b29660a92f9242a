"""Cuts text into the words that are searched: the same for what is indexed and what is asked, in every engine.

Engines do not agree on where a word ends, so they are given words that are cut already, joined by spaces. Case, width
and the accents of Latin, Greek and Cyrillic letters do not count. Scripts without spaces are cut into characters: a
run of them is found as a phrase. Facts about a tweet (its author, say) are words too, so that every question is one
expression over one index.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import regex

LONGEST_WORD: Final = 64  # code points; what is longer is no word that anybody types
EVERY: Final = "every"  # a fact of all tweets: what is only refused needs something to be refused from
MEDIA: Final = "media"

_ACCENT: Final = regex.compile(r"[\u0300-\u036f]+")
_UNSPACED: Final = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_NOT_IN_TAGS: Final = regex.compile(r"[^0-9A-Za-z_\x80-\U0010ffff]|\s")
_ASCII_WORD: Final = re.compile(r"\w+", re.ASCII)  # what _WORD finds there, at half the cost
_WORD: Final = regex.compile(rf"(?V1){_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}_]--{_UNSPACED}]+")


def fold(text: str) -> str:
    """Put letters into the form in which they are compared."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", folded)))


def words(text: str) -> list[str]:
    """Return the words of a text, in order, repeats included."""
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return [word[:LONGEST_WORD] for word in pattern.findall(fold(text))]


def tag(text: str) -> str:
    """Return a hashtag without its sign as one word, whole; what folding made into spaces or signs is left out."""
    return _NOT_IN_TAGS.sub("", fold(text))


def by(user_id: int) -> str:
    """Return the fact of every tweet of an author."""
    return f"by{user_id}"


def to(user_id: int) -> str:
    """Return the fact of every reply to an account."""
    return f"to{user_id}"


def names(user_id: int) -> str:
    """Return the fact of every tweet that mentions an account."""
    return f"names{user_id}"
