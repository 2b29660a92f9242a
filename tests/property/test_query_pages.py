"""Laws of pages, over random worlds: they partition what may be seen, whatever is hidden, deleted or retweeted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from projections.tweets.read_model import Kind, Tweet
from query_api.paging import Steps, fill, nothing
from query_api.tweets.rules import Shown, alone, subject_id, visible
from query_api.users.rules import Listed, unblocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from query_api.paging import Page

AUTHORS = range(1, 6)


class Drawn(NamedTuple):
    """One tweet of a random list: what it refers to is picked among the earlier ones."""

    author: int
    kind: Kind
    refers_to: int
    gone: bool


drawn = st.lists(
    st.builds(
        Drawn,
        st.sampled_from(AUTHORS),
        st.sampled_from((Kind.TWEET, Kind.TWEET, Kind.RETWEET, Kind.RETWEET, Kind.QUOTE_TWEET)),
        st.integers(0, 50),
        st.booleans(),
    ),
    max_size=40,
)
hidden_authors = st.frozensets(st.sampled_from(AUTHORS), max_size=3)


def world(choices: list[Drawn]) -> tuple[list[int], dict[int, Shown]]:
    """Return the list, newest first, and what stands of it; a retweet of a retweet means its original."""
    tweets: list[Tweet] = []
    for number, (author, kind, refers_to, _) in enumerate(choices, 1):
        other = tweets[refers_to % len(tweets)] if tweets else None
        original = quoted = 0
        if other is not None and kind is Kind.RETWEET:
            original = other.original_id or other.tweet_id
        elif other is not None and kind is Kind.QUOTE_TWEET:
            quoted = other.original_id or other.tweet_id
        tweets.append(Tweet(number, author, kind if other else Kind.TWEET, number, 0, 0, original, 0, quoted, b""))
    known = {tweet.tweet_id: alone(tweet) for tweet, choice in zip(tweets, choices, strict=True) if not choice.gone}
    return [tweet.tweet_id for tweet in reversed(tweets)], known


def below(ids: list[int]) -> Callable[[int | None, int], list[int]]:
    """Return the skeleton of a list."""
    return lambda before, limit: [one for one in ids if before is None or one < before][:limit]


def steps(
    ids: list[int], known: dict[int, Shown], hidden: frozenset[int], *, once: bool
) -> Steps[int, dict[int, Shown], Shown]:
    """Return a list's steps; `once`: of a tweet and its retweets one shows on a page, as at home."""
    rules = partial(visible, hidden=hidden)
    return Steps(below(ids), lambda _: known, rules, subject_id if once else None)


def pages(list_steps: Steps[int, dict[int, Shown], Shown], limit: int) -> list[Page[int, Shown]]:
    """Return all pages of a list."""
    found = [fill(list_steps, None, limit)]
    while (last := found[-1]).next is not None:
        found.append(fill(list_steps, last.next, limit))
    return found


@given(drawn, hidden_authors, st.integers(1, 12))
def test_pages_partition_what_may_be_seen(choices: list[Drawn], hidden: frozenset[int], limit: int) -> None:
    ids, known = world(choices)
    found = pages(steps(ids, known, hidden, once=False), limit)
    expected = [tweet_id for tweet_id, _ in visible(ids, known, hidden)]
    assert [item.tweet.tweet_id for page in found for item in page.items] == expected
    assert all(len(page.items) == limit for page in found[:-1])
    assert not expected or found[-1].items  # no page says that there is more where there is nothing


@given(drawn, hidden_authors, st.integers(1, 12))
def test_at_home_a_subject_shows_once_a_page_by_its_newest_appearance(
    choices: list[Drawn], hidden: frozenset[int], limit: int
) -> None:
    ids, known = world(choices)
    allowed = [item for _, item in visible(ids, known, hidden)]
    found = pages(steps(ids, known, hidden, once=True), limit)
    naive: list[list[Shown]] = []
    rest = allowed
    while rest:
        page: list[Shown] = []
        while rest and len(page) < limit:
            if all(rest[0].subject_id != one.subject_id for one in page):
                page.append(rest[0])
            rest = rest[1:]
        naive.append(page)
    assert [page.items for page in found] == (naive or [[]])


@given(drawn, hidden_authors)
def test_nothing_of_a_hidden_account_shows_anywhere(choices: list[Drawn], hidden: frozenset[int]) -> None:
    ids, known = world(choices)
    for _, item in visible(ids, known, hidden):
        seen = [item.tweet, item.subject, *([item.quoted] if item.quoted else [])]
        assert not {tweet.author_id for tweet in seen} & hidden
        assert all(tweet.tweet_id in known for tweet in seen)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), unique=True),
    st.frozensets(st.integers(1, 9)),
    st.integers(1, 5),
)
def test_pages_of_accounts_partition_them_too(
    edges: list[tuple[int, int]], blocked: frozenset[int], limit: int
) -> None:
    rows = [Listed._make(edge) for edge in sorted(edges, reverse=True)]
    list_steps: Steps[Listed, None, Listed] = Steps(
        lambda before, n: [row for row in rows if before is None or row < before][:n],
        nothing,
        partial(unblocked, blocked=blocked),
    )
    found, before = [], None
    while True:
        page = fill(list_steps, before, limit)
        found += page.items
        if page.next is None:
            break
        before = page.next
    assert found == [row for row in rows if row.user_id not in blocked]
