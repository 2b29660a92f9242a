"""HTTP: tweets by what they say, people by their names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from projections.search.words import words
from query_api.cursors import parse_max_id
from query_api.errors import InvalidQueryTextError
from query_api.openapi import API, MaxId, describe
from query_api.paging import Page, Steps, fill
from query_api.reading import Reading, Reads
from query_api.search import response, rules, skeleton
from query_api.search.grammar import MAX_QUERY_CHARS, InvalidQueryError, Parsed, parse
from query_api.search.shapes import FoundUsers
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_page
from query_api.tweets.rules import visible
from query_api.tweets.shapes import TweetPage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from query_api.tweets.rules import Shown

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["search"], dependencies=[limited(RateClass.READ)])

MOST_TWEETS, MOST_PEOPLE = 100, 50
CANDIDATES = 2_000  # people whose names match, of whom the best are shown; more share a prefix of one letter only
RELATIONS = 100  # the most followed of these are looked at for whether the viewer follows them

TweetsReading = Annotated[Reading, Depends(Reads("search", "tweets", "accounts", "graph", "engagement"))]
PeopleReading = Annotated[Reading, Depends(Reads("search", "accounts", "graph"))]
Asked = Annotated[
    str,
    Query(
        max_length=MAX_QUERY_CHARS,
        description='Words, "phrases", #tags, @names, from: to: since: until: has:media min_likes: and - before any.',
    ),
]
Name = Annotated[str, Query(max_length=100, description="Beginnings of the words of a name.")]
TweetLimit = Annotated[int, Query(ge=1, le=MOST_TWEETS, description="Most tweets of a page.")]
PeopleLimit = Annotated[int, Query(ge=1, le=MOST_PEOPLE, description="Most accounts.")]


@router.get("/search/tweets", **describe(TweetPage, "query_invalid", "cursor_invalid", "not_kept"))
async def search_tweets(reading: TweetsReading, q: Asked, limit: TweetLimit = 50, max_id: MaxId = None) -> Response:
    """Return tweets that match, newest first."""
    try:
        parsed = parse(q)
    except InvalidQueryError as error:
        raise InvalidQueryTextError("q", str(error)) from error
    page = _page(reading, parsed, parse_max_id(max_id), limit)
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    return reading.answer(tweet_page(page.items, hydrated, page.next))


def _page(reading: Reading, parsed: Parsed, max_id: int | None, limit: int) -> Page[int, Shown]:
    readers, hidden = reading.readers, reading.hidden()
    criteria = skeleton.criteria(parsed, readers.accounts)
    if criteria is None:
        return Page([], None)

    def shown(tweet_ids: Sequence[int], known: Mapping[int, Shown]) -> list[tuple[int, Shown]]:
        shows = visible(tweet_ids, known, hidden)
        pairs = shows if parsed.names_author else list(reading.reached(shows))
        if not parsed.min_likes:
            return pairs
        counts = readers.engagement.counts([item.subject_id for _, item in pairs])
        return rules.liked_enough(pairs, counts, parsed.min_likes)

    steps = Steps(skeleton=partial(readers.search.tweets, criteria), hydrate=readers.hydrate_tweets.load, rules=shown)
    return fill(steps, max_id, limit)


@router.get("/search/users", **describe(FoundUsers, "query_invalid", "not_kept"))
async def search_users(reading: PeopleReading, q: Name, limit: PeopleLimit = 20) -> Response:
    """Return accounts whose names match, best first."""
    prefixes = words(q)
    if not prefixes:
        raise InvalidQueryTextError("q", "there is no letter or digit in it, at character 0")
    found = reading.readers.search.people(prefixes, CANDIDATES)
    shown = rules.best(_people(reading, found, q), reading.blocked(), limit)
    authors = reading.readers.hydrate_authors.load([person.user_id for person in shown])
    return reading.answer(response.people_page(shown, authors))


def _people(reading: Reading, found: Sequence[int], asked: str) -> list[rules.Person]:
    readers = reading.readers
    name = asked.strip().removeprefix("@").lower()
    exact = readers.accounts.ids_by_username([name]).get(name) if name.isascii() else None
    counts = readers.graph.counts(found)
    most = sorted(found, key=lambda user_id: -counts[user_id].followers if user_id in counts else 0)[:RELATIONS]
    followed = readers.graph.followed(reading.viewer_id, most) if reading.viewer_id else set()
    return [rules.Person(it, it == exact, it in followed, counts[it].followers if it in counts else 0) for it in found]
