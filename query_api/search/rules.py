"""Rules: which tweets are liked enough, and in which order people are shown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from projections.engagement.read_model import CountsRow
    from query_api.tweets.rules import Shown


def liked_enough(
    pairs: Sequence[tuple[int, Shown]], counts: Mapping[int, CountsRow], min_likes: int
) -> list[tuple[int, Shown]]:
    """Return the tweets with that many likes at least."""
    return [pair for pair in pairs if counts.get(pair[1].subject_id, (0,))[0] >= min_likes]


class Person(NamedTuple):
    """An account that was found; `exact`: the name asked for is its user name."""

    user_id: int
    exact: bool
    followed: bool
    followers: int


def best(people: Sequence[Person], hidden: Collection[int], limit: int) -> list[Person]:
    """Return whom to show, best first: the name itself, then whom the viewer follows, then by followers."""
    shown = [person for person in people if person.user_id not in hidden]
    shown.sort(key=lambda it: (not it.exact, not it.followed, -it.followers, it.user_id))
    return shown[:limit]
