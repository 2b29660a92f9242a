"""Fills a page from an ordered list, some of whose rows the viewer may not see.

Guarantee:  the pages of one list partition what may be seen of it: nothing twice, nothing left out; `has_more` is
            exact, because the search goes on until one more row is found or the list ends
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

Row = TypeVar("Row")
Facts = TypeVar("Facts")
Item = TypeVar("Item")

SLACK = 16  # one row in sixteen more than asked for: what rules take out rarely needs a second read
MOST_ROWS_PER_READ = 1_000
MOST_ROWS_PER_PAGE = 20_000  # some 30 ms of reading; beyond it a page may be short, and says that there is more


class Steps(NamedTuple, Generic[Row, Facts, Item]):
    """The first three steps of a list; a row is its own key: the page after it begins below it.

    `skeleton(before, n)` gives the n rows below one, fewer only at the end of the list; `hydrate` what the rules need
    to know of rows; `rules` the rows that show, each with what is to be shown. `subject`, where given, names what an
    item is about: only the first of a subject shows on a page.
    """

    skeleton: Callable[[Row | None, int], Sequence[Row]]
    hydrate: Callable[[Sequence[Row]], Facts]
    rules: Callable[[Sequence[Row], Facts], Sequence[tuple[Row, Item]]]
    subject: Callable[[Item], Hashable] | None = None


class Page(NamedTuple, Generic[Row, Item]):
    """What shows, and the row that the next page begins below (None: there is no more)."""

    items: list[Item]
    next: Row | None


def fill(steps: Steps[Row, Facts, Item], before: Row | None, limit: int) -> Page[Row, Item]:
    """Return the first `limit` items below `before`."""
    items: list[Item] = []
    last = before
    shown: set[Hashable] = set()
    rows_read = 0
    while rows_read < MOST_ROWS_PER_PAGE:
        wanted = min(first_read(limit) + rows_read, MOST_ROWS_PER_READ)
        rows = steps.skeleton(before, wanted)
        pairs = steps.rules(rows, steps.hydrate(rows))
        taken, more = take(pairs, limit - len(items), steps.subject, shown)
        items += [item for _, item in taken]
        last = taken[-1][0] if taken else last
        if more:
            return Page(items, last)
        if len(rows) < wanted:
            return Page(items, None)
        rows_read += len(rows)
        before = rows[-1]
    return Page(items, last if len(items) == limit else before)


def first_read(limit: int) -> int:
    """Return how many rows a page of `limit` is begun with."""
    return limit + 1 + limit // SLACK


def take(
    pairs: Sequence[tuple[Row, Item]], room: int, subject: Callable[[Item], Hashable] | None, shown: set[Hashable]
) -> tuple[Sequence[tuple[Row, Item]], bool]:
    """Return the pairs that the page has room for, the first of each subject, and whether any comes after them."""
    subjects = [] if subject is None else [subject(item) for _, item in pairs]
    if len(shown.union(subjects)) == len(shown) + len(subjects):  # as a rule nothing is there twice
        if len(pairs) <= room:  # else the page is full, and nothing is compared with it any more
            shown.update(subjects)
        return pairs[:room], len(pairs) > room
    taken: list[tuple[Row, Item]] = []
    for about, pair in zip(subjects, pairs, strict=True):
        if len(taken) == room:
            return taken, True
        if about not in shown:
            shown.add(about)
            taken.append(pair)
    return taken, False


def nothing(_: Sequence[Row]) -> None:
    """Hydrate for lists whose rules need no more than the row."""
