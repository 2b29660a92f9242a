"""The plan of a table of tweets: every row a post of its author's, at the row's time, with the row's text.

The file is CSV with a header that names at least publish_date, author_id, post_type and content, sorted by time. A
retweet (post_type R) or a quote (Q) is a post that carries its text: what it refers to is not in the file. What a
command would refuse is not loaded, and counted by the command's own code.
"""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands.accounts.command import Register
from commands.accounts.handler import MIN_PASSWORD_CHARS, check_register
from commands.errors import CommandRefusedError
from commands.imports.errors import ImportFileError
from commands.imports.files import FIRST_TIME
from commands.imports.plan import Audience, Ids, Step, account_steps, envelope
from commands.tweets import text
from schemas.tweets.events import TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("publish_date", "author_id", "post_type", "content")
POST_TYPES = frozenset({"", "R", "Q"})
LONGEST_FIELD = 1 << 20
_PASSWORD = "-" * MIN_PASSWORD_CHARS


@dataclass(slots=True)
class Table:
    """Rows that can be loaded: who (an index into `authors`), when (unix milliseconds), what; how many are refused."""

    authors: list[str] = field(default_factory=list)
    rows: list[tuple[int, int, str]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)  # the authors' in lower case: names have no case


def read_tweets(content: bytes, limit: int | None, audience: Audience) -> Table:
    """Read the file; with a limit only the first rows. Raises ImportFileError, naming the line."""
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return _read(lines, limit, audience)
    except UnicodeDecodeError as error:
        raise ImportFileError(f"byte {error.start} is no UTF-8") from error


def _read(lines: csv.DictReader[str], limit: int | None, audience: Audience) -> Table:
    csv.field_size_limit(LONGEST_FIELD)
    table, indices, last = Table(), dict[str, int | str](), 0
    newest = int(time.time()) * 1000
    try:
        if missing := [name for name in COLUMNS if name not in (lines.fieldnames or ())]:
            raise ImportFileError(f"line 1: the header does not name {', '.join(missing)}")
        for count, row in enumerate(lines):
            if count == limit:
                break
            at_ms = _time(row, lines.line_num, last, newest)
            last = at_ms
            _take(table, indices, row, at_ms, audience)
    except csv.Error as error:
        raise ImportFileError(f"after line {lines.line_num}: {error}") from error
    return table


def _take(table: Table, known: dict[str, int | str], row: Mapping[str, str], at_ms: int, audience: Audience) -> None:
    """Add a row, or count it as refused; `known` maps an author to the index, or to why there is no such account."""
    author, content = row["author_id"], row["content"]
    if refusal := text.refusal(content):
        table.refused[refusal] += 1
        return
    who = known.get(author)
    if who is None:
        who = known[author] = _opened(author, audience, table)
    if isinstance(who, str):
        table.refused[who] += 1
    else:
        table.rows.append((who, at_ms, text.normalise(content)))


def _opened(author: str, audience: Audience, table: Table) -> int | str:
    """Return the index of a new account, or why it cannot be opened."""
    refusal = _refusal_of_author(author, audience, table)
    if refusal:
        return refusal
    table.authors.append(author)
    table.names.add(author.lower())
    return len(table.authors) - 1


def _refusal_of_author(author: str, audience: Audience, table: Table) -> str | None:
    """Return why no account can be opened for an author."""
    name = audience.username(author)
    if author.lower() in table.names:
        return "username_taken"
    try:
        check_register(Register(name, "", name, "", ""), _PASSWORD)
    except CommandRefusedError as refused:
        return refused.code
    return None


def _time(row: Mapping[str, str], line: int, last_ms: int, newest_ms: int) -> int:
    if None in row.values() or None in row:
        raise ImportFileError(f"line {line}: it does not have the columns of the header")
    if row["post_type"] not in POST_TYPES:
        raise ImportFileError(f"line {line}: {row['post_type'][:20]!r} is none of R, Q and nothing")
    try:
        at = datetime.fromisoformat(row["publish_date"])
    except ValueError as error:
        raise ImportFileError(f"line {line}: {row['publish_date'][:40]!r} is no time like 2016-07-01 12:00") from error
    at_ms = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if not FIRST_TIME * 1000 <= at_ms <= newest_ms:
        raise ImportFileError(f"line {line}: {row['publish_date']} is before 2001, or still to come")
    if at_ms < last_ms:
        raise ImportFileError(f"line {line}: {row['publish_date']} is before the line above; sort the file by time")
    return at_ms


class TweetsPlan:
    """Steps of one file: accounts + rows that are not refused."""

    def __init__(self, table: Table, audience: Audience) -> None:
        self._table = table
        self._audience = audience
        self.total_steps = len(table.authors) + len(table.rows)
        self.refused: Mapping[str, int] = table.refused

    def steps(self) -> Iterator[Step]:
        """Yield the steps, the same ones every time."""
        if not self._table.rows:
            return
        ids, user_ids = Ids(), []
        start_ms = self._table.rows[0][1] - len(self._table.authors)
        for user_id, step in account_steps(ids, self._audience, self._table.authors, start_ms):
            user_ids.append(user_id)
            yield step
        for author, at_ms, content in self._table.rows:
            yield (_post(ids.at(at_ms), user_ids[author], content),)


def _post(tweet_id: int, author_id: int, content: str) -> TweetPosted:
    found = text.extract(content)
    return TweetPosted(
        envelope(tweet_id, author_id),
        tweet_id,
        author_id,
        content,
        tweet_id,
        hashtags=list(dict.fromkeys(found.hashtags)),
        urls=list(dict.fromkeys(found.urls)),
    )
