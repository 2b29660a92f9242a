"""Holds the patterns by which twitter-text recognises hashtags, mentions and the parts of a URL.

The rules are those of Twitter's twitter-text library (Apache License 2.0), stated anew. Every repetition is possessive
and no two alternatives begin alike, so that no pattern ever gives a character back: time is linear in the text.
"""

import re
from functools import cache
from typing import Final

import regex

from commands.tweets.tlds import TOP_LEVEL_DOMAINS

# The braille blank is a symbol by its category and a space by its look.
BLANK: Final = regex.compile(r"[\s\p{Default_Ignorable_Code_Point}\u2800]*+")

_LATIN_ACCENTS: Final = (
    r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289\u028B"
    r"\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_AT: Final = r"@\uFF20"
_HASH: Final = r"#\uFF03"
_NONCHARACTERS: Final = r"\uFFFE\uFEFF\uFFFF"

# Hashtags need Unicode's categories, which only the regex package knows; re is the faster one for all the others.
_LETTERS: Final = r"\p{L}\p{M}"
# Digits, and the joiners and marks that belong to words: the middle dot of Catalan, the tsheg of Tibetan.
_WORD_MARKS: Final = (
    r"\p{Nd}_\u200C\u200D\uA67E\u05BE\u05F3\u05F4\uFF5E\u301C\u309B\u309C\u30A0\u30FB\u3003\u0F0B\u0F0C\u00B7"
)
# A variation selector counts as a letter, yet before a hash sign it ends an emoji rather than a word.
HASHTAG: Final = regex.compile(
    rf"[{_HASH}](?<=(?:^|[\uFE0E\uFE0F]|[^{_LETTERS}{_WORD_MARKS}&])[{_HASH}])(?![\uFE0F\u20E3])"
    rf"([{_WORD_MARKS}]*+[{_LETTERS}][{_LETTERS}{_WORD_MARKS}]*+)(?![{_HASH}]|://)"
)


@cache
def mention(longest_name: int) -> re.Pattern[str]:
    """Match `@name`, the name in group 1, unless it is part of an address, of a list's name or of a longer word.

    A name of more than `longest_name` characters is no mention, whereas twitter-text cuts it: its first part is the
    name of somebody else.
    """
    return re.compile(
        rf"[{_AT}](?:(?<![A-Za-z0-9_!#$%&*{_AT}][{_AT}])"
        rf"|(?<=^[Rr][Tt][{_AT}])|(?<=[^A-Za-z0-9_+~.\-{_AT}][Rr][Tt][{_AT}]))"
        rf"([A-Za-z0-9_]{{1,{longest_name}}}+)(?![A-Za-z0-9_{_AT}{_LATIN_ACCENTS}]|://|/[A-Za-z])"
    )


_SPACES: Final = r"\t-\r \u0085\u00A0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_DIRECTION_MARKS: Final = r"\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069"
_NEVER_IN_HOST: Final = rf"!'#%&()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}{_DIRECTION_MARKS}{_NONCHARACTERS}"
_NEVER_BEFORE_URL: Final = rf"A-Za-z0-9${_AT}{_HASH}{_NONCHARACTERS}"

INNER_DOT: Final = re.compile(rf"\.[^.\-_{_NEVER_IN_HOST}]")
HOST_RUN: Final = re.compile(rf"[^{_NEVER_IN_HOST}]++")
HOST_START: Final = re.compile(rf"(?<![{_NEVER_BEFORE_URL}])[^\-_]")
URL_BOUNDARY: Final = re.compile(rf"(?<![{_NEVER_BEFORE_URL}])")
ASCII_LABELS: Final = re.compile(rf"(?:[A-Za-z0-9\-{_LATIN_ACCENTS}]++\.)++")

_PATH_PUNCTUATION: Final = r"!*';:,.$%\[\]\u2013~@|&"
_PATH_END: Final = rf"A-Za-z0-9=_#/+\-\u0400-\u04FF{_LATIN_ACCENTS}"
_PATH: Final = rf"[{_PATH_PUNCTUATION}{_PATH_END}]"
_NESTED: Final = rf"\({_PATH}++\){_PATH}*+"
_PARENTHESES: Final = rf"\((?:{_PATH}++(?:{_NESTED})?+|{_NESTED})\)"
_QUERY: Final = r"\?(?:[!?*'@();:+$%\[\].,~|]*+[A-Za-z0-9\-_&=#/]++)++"

# Port, path (group 1) and query; the last two leave out punctuation at their end.
URL_TAIL: Final = re.compile(
    rf"(?=[:/?])(?::[0-9]++)?+(/(?:[{_PATH_PUNCTUATION}]*+(?:[{_PATH_END}]++|{_PARENTHESES}))*+)?+(?:{_QUERY})?+"
)
SHORT_LINK: Final = re.compile(rf"https?://t\.co/([A-Za-z0-9]++)(?:{_QUERY})?+", re.IGNORECASE | re.ASCII)

_AFTER_TLD: Final = r"(?![A-Za-z0-9@+\-])"
_ASCII_TLD: Final = re.compile(rf"[A-Za-z]++{_AFTER_TLD}|([Xx][Nn]--[A-Za-z0-9\-]++)")
_TLD_BOUNDARY: Final = re.compile(_AFTER_TLD)
_UNICODE_TLD_LENGTHS: Final = sorted({len(name) for name in TOP_LEVEL_DOMAINS if not name.isascii()}, reverse=True)


def tld_end(text: str, start: int) -> int:
    """Say where the top-level domain that begins at `start` ends; 0 if none begins there.

    Letters of other scripts may follow directly, because some are written without spaces.
    """
    found = _ASCII_TLD.match(text, start)
    if found is not None and (found[1] or found[0].lower() in TOP_LEVEL_DOMAINS):
        return found.end()
    if text[start : start + _UNICODE_TLD_LENGTHS[0]].isascii():
        return 0
    for length in _UNICODE_TLD_LENGTHS:
        end = min(start + length, len(text))
        if text[start:end].lower() in TOP_LEVEL_DOMAINS and _TLD_BOUNDARY.match(text, end):
            return end
    return 0
