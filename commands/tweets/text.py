"""Reads a tweet's text by twitter-text's rules: whether it may be posted, and the hashtags, mentions and URLs in it."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from commands.tweets import text_patterns as patterns

MAX_TWEET_CODE_POINTS: Final = 280
# Longer than twitter-text's 20, because an account's name may be: everyone who can sign up can be mentioned.
MAX_MENTION_CHARACTERS: Final = 50
# NFC makes at most one code point of four (alpha with two accents and an iota), so more than this is too long unread:
# ordering the accents takes quadratic time.
MAX_CODE_POINTS_BEFORE_NFC: Final = 4 * MAX_TWEET_CODE_POINTS
# twitter-text's limit on the slug of a t.co link.
MAX_SHORT_LINK_SLUG: Final = 40
# RFC 1035, section 2.3.4.
MAX_HOST_LABEL_OCTETS: Final = 63

Refusal: TypeAlias = Literal["text_empty", "text_too_long", "text_invalid_character"]
Span: TypeAlias = tuple[int, int]

_INVALID_CHARACTER: Final = re.compile(r"[\x00-\x08\x0B-\x1F\uD800-\uDFFF]")


@dataclass(frozen=True, slots=True)
class Entities:
    """What a text refers to, as written and in order of appearance, repeats included; signs are left out.

    The spans are aligned with the names and count code points, [start, end), from the sign on.
    """

    hashtags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    hashtag_spans: tuple[Span, ...] = ()
    mention_spans: tuple[Span, ...] = ()
    url_spans: tuple[Span, ...] = ()


NO_ENTITIES: Final = Entities()


def normalise(content: str) -> str:
    """Put a text into the form in which it is counted, stored and read: NFC."""
    return unicodedata.normalize("NFC", content)


def length(content: str) -> int:
    """Count the code points after NFC."""
    return len(normalise(content))


def refusal(content: str) -> Refusal | None:
    """Name the reason why the text may not be posted, if there is one; the names are part of the API."""
    if _INVALID_CHARACTER.search(content):
        return "text_invalid_character"
    if patterns.BLANK.fullmatch(content):
        return "text_empty"
    if len(content) > MAX_CODE_POINTS_BEFORE_NFC or length(content) > MAX_TWEET_CODE_POINTS:
        return "text_too_long"
    return None


def extract(content: str, *, longest_name: int = MAX_MENTION_CHARACTERS) -> Entities:
    """Find hashtags, mentions and URLs; where two overlap, the one that starts first stays.

    Takes normalised text. Like twitter-text it reads `@name/slug` as a list, which is no mention.
    """
    urls = _urls(content)
    mentions = _mentions(content, longest_name)
    hashtags = _hashtags(content)
    if urls and (mentions or hashtags):
        urls, mentions, hashtags = _without_overlaps(urls, mentions, hashtags)
    elif not (urls or mentions or hashtags):
        return NO_ENTITIES
    return Entities(
        hashtags=tuple([content[start + 1 : end] for start, end in hashtags]),
        mentions=tuple([content[start + 1 : end] for start, end in mentions]),
        urls=tuple([content[start:end] for start, end in urls]),
        hashtag_spans=tuple(hashtags),
        mention_spans=tuple(mentions),
        url_spans=tuple(urls),
    )


def _mentions(content: str, longest_name: int) -> list[Span]:
    if "@" not in content and "\uff20" not in content:
        return []
    return [found.span() for found in patterns.mention(longest_name).finditer(content)]


def _hashtags(content: str) -> list[Span]:
    if "#" not in content and "\uff03" not in content:
        return []
    return [found.span() for found in patterns.HASHTAG.finditer(content)]


def _without_overlaps(*kinds: list[Span]) -> list[list[Span]]:
    kept: list[list[Span]] = [[] for _ in kinds]
    free = 0
    for (start, end), kind in sorted((span, kind) for kind, spans in enumerate(kinds) for span in spans):
        if start >= free:
            kept[kind].append((start, end))
            free = end
    return kept


def _urls(content: str) -> list[Span]:
    urls: list[Span] = []
    if "." not in content or not patterns.INNER_DOT.search(content):
        return urls
    position = free = 0
    while run := patterns.HOST_RUN.search(content, position):
        position = run.end()
        for host in _hosts(content, run.span(), free):
            tail = patterns.URL_TAIL.match(content, host[1])
            end, has_path = (tail.end(), tail[1] is not None) if tail else (host[1], False)
            urls += _read_url(content, host, end, has_path, free)
            # The character after a URL can only stand before the next one, not belong to it.
            position, free = max(position, end), end + 1
    return urls


def _hosts(content: str, run: Span, free: int) -> Iterator[Span]:
    """Yield the host names in an unbroken run of characters, each the leftmost and then the longest one left."""
    labels = _labels(content, *run)
    if len(labels) == 1:
        return
    nearest, furthest = _host_ends(content, labels)
    for index, (start, end) in enumerate(labels[:-1]):
        if start == end or content[end - 1] in "-_" or not (host_end := furthest[index] or nearest[index]):
            continue
        from_here = max(start, free)
        if not furthest[index]:
            from_here = max(from_here, content.rfind("_", start, end) + 1)
        if host_start := patterns.HOST_START.search(content, from_here, end):
            yield host_start.start(), host_end
            free = host_end + 1


def _labels(content: str, start: int, end: int) -> list[Span]:
    labels: list[Span] = []
    while (dot := content.find(".", start, end)) >= 0:
        labels.append((start, dot))
        start = dot + 1
    return [*labels, (start, end)]


def _host_ends(content: str, labels: list[Span]) -> tuple[list[int], list[int]]:
    """Tell for each label where a host that starts in it may end, 0 for nowhere.

    First the end in the next label, then the furthest end in a later one. One pass from the right, because trying each
    start by itself would take quadratic time.
    """
    nearest, furthest = [0] * len(labels), [0] * len(labels)
    for index in range(len(labels) - 2, -1, -1):
        start, end = labels[index + 1]
        nearest[index] = patterns.tld_end(content, start)
        if start < end and content[start] not in "-_" and content[end - 1] not in "-_":
            # The name registered under a top-level domain has no underscore; the labels before it may.
            registrable = content.find("_", start, end) < 0
            furthest[index] = furthest[index + 1] or (nearest[index + 1] if registrable else 0)
    return nearest, furthest


def _read_url(content: str, host: Span, end: int, has_path: bool, free: int) -> list[Span]:
    """Give the URLs around a host: one with a protocol, or any number of ASCII hosts between other letters."""
    start, host_end = host
    protocol = _protocol_start(content, start, free)
    ascii_hosts = _ascii_hosts(content, start, host_end)
    if protocol is None:
        if not ascii_hosts or (start and content[start - 1] in "-_./"):
            return []
        if has_path and ascii_hosts[-1][1] == host_end:
            ascii_hosts[-1] = ascii_hosts[-1][0], end
        return ascii_hosts if _fits_dns(content[start:host_end]) else []
    if not _fits_dns(content[start:host_end]) or (content.startswith("xn--", start) and not ascii_hosts):
        return []
    if short_link := patterns.SHORT_LINK.match(content, protocol, end):
        return [short_link.span()] if len(short_link[1]) <= MAX_SHORT_LINK_SLUG else []
    return [(protocol, end)]


def _protocol_start(content: str, host_start: int, free: int) -> int | None:
    before = content[max(0, host_start - len("https://")) : host_start].lower()
    for protocol in ("https://", "http://"):
        if before.endswith(protocol):
            start = host_start - len(protocol)
            return start if start >= free and patterns.URL_BOUNDARY.match(content, start) else None
    return None


def _ascii_hosts(content: str, start: int, end: int) -> list[Span]:
    hosts: list[Span] = []
    while labels := patterns.ASCII_LABELS.search(content, start, end):
        host_end = _last_tld_end(content, *labels.span())
        if host_end:
            hosts.append((labels.start(), host_end))
        start = host_end or labels.end()
    return hosts


def _last_tld_end(content: str, start: int, after_dot: int) -> int:
    while after_dot > start:
        if end := patterns.tld_end(content, after_dot):
            return end
        after_dot = content.rfind(".", start, after_dot - 1) + 1
    return 0


def _fits_dns(host: str) -> bool:
    return all(_octets(label) <= MAX_HOST_LABEL_OCTETS for label in host.split("."))


def _octets(label: str) -> int:
    # Punycode spends at least one octet on each letter: a label too long as it is need not be encoded.
    if label.isascii() or len(label) > MAX_HOST_LABEL_OCTETS:
        return len(label)
    return len("xn--") + len(label.encode("punycode"))
