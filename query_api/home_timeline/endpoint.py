"""HTTP: the home timeline, latest or ranked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from infra.http.rate_limits import RateClass, limited
from infra.http.routes import DirectRoute
from query_api.as_of import OF_TWEETS, AsOf, then
from query_api.cursors import parse_max_id
from query_api.errors import InvalidValueError
from query_api.home_timeline import ranking as rankings
from query_api.home_timeline import response, rules, skeleton
from query_api.openapi import API, Limit, MaxId, describe
from query_api.pages import page as frame
from query_api.paging import Steps, fill, first_read
from query_api.reading import Reading, Reads
from query_api.tweets.hydrate import details
from query_api.tweets.response import tweet_page
from query_api.tweets.rules import subject_id
from query_api.tweets.shapes import TimelinePage
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from query_api.paging import Page
    from query_api.tweets.cards import Card, Ready
    from query_api.tweets.rules import Shown

router = APIRouter(prefix=API, route_class=DirectRoute, tags=["timelines"], dependencies=[limited(RateClass.READ)])

HomeReading = Annotated[
    Reading, Depends(Reads("home_timeline", "tweets", "accounts", "graph", "engagement", signed_in=True))
]
RANKINGS = [rankings.LATEST, *rankings.STRATEGIES]
Ranking = Annotated[str, Query(json_schema_extra={"enum": RANKINGS}, description="Order of the page.")]
Explain = Annotated[bool, Query(description="Give the parts of each score, where the page is ranked.")]


@router.get("/timeline/home", **describe(TimelinePage, "cursor_invalid", signed_in=True, as_of=True))
async def home(
    reading: HomeReading,
    limit: Limit = 200,
    max_id: MaxId = None,
    ranking: Ranking = rankings.LATEST,
    explain: Explain = False,
    as_of: AsOf = None,
) -> Response:
    """Return a page of the viewer's home timeline."""
    if as_of is not None:
        reading = then(reading, as_of, OF_TWEETS)
    if ranking not in RANKINGS:
        raise InvalidValueError("ranking", f"ranking is one of {', '.join(RANKINGS)}")
    below = parse_max_id(max_id)
    if ranking == rankings.LATEST and reading.readers.ready is not None:
        joined = _joined(reading, reading.readers.ready, below, limit)
        if joined is not None:
            return reading.answer(joined)
    chosen_from = limit if ranking == rankings.LATEST else limit * rules.CANDIDATES_PER_PLACE
    page = fill(
        Steps(
            skeleton=skeleton.home(reading.readers.home_timeline, reading.viewer_id),
            hydrate=reading.readers.hydrate_tweets.load,
            rules=partial(reading.show, reading.hidden()),
            subject=subject_id,
        ),
        below,
        chosen_from,
    )
    if ranking != rankings.LATEST:
        return reading.answer(_ranked(reading, page, ranking, limit, explain))
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    return reading.answer(tweet_page(page.items, hydrated, page.next))


def _joined(reading: Reading, ready: Ready, below: int | None, limit: int) -> bytes | None:
    """Return the page from cards, or None where it is not as simple: something is hidden, or too much is gone."""
    wanted = first_read(limit)
    ids = reading.readers.home_timeline.page(reading.viewer_id, below, wanted)
    cards = ready.cards.load(ids)
    hidden = reading.hidden()
    if hidden and any(not hidden.isdisjoint(card.author_ids) for card in cards):
        return None
    limited = reading.readers.standings.limited
    if any(card.item.subject.limited or card.item.subject.author_id in limited for card in cards):
        return None
    page = once_each(cards)[:limit]
    more = len(page) == limit and page[-1] is not cards[-1]
    if not more and len(ids) == wanted:
        return None
    bodies = ready.of(reading.viewer_id, page)
    return frame("tweets", [b",".join(bodies)], "next_max_id", to_uuid(page[-1].tweet_id) if more else None)


def once_each(cards: list[Card]) -> list[Card]:
    """Return the newest card of each subject."""
    if len({card.subject_id for card in cards}) == len(cards):  # as a rule
        return cards
    newest = {card.subject_id: card for card in reversed(cards)}
    return [card for card in cards if newest[card.subject_id] is card]


def _ranked(reading: Reading, page: Page[int, Shown], ranking: str, limit: int, explain: bool) -> bytes:
    """Choose the best of the page and present them, best first."""
    settings = reading.services.settings
    hydrated = details(page.items, reading.viewer_id, reading.readers)
    authors = {item.subject.author_id for item in page.items}
    interactions = reading.readers.engagement.interactions(reading.viewer_id, authors)
    weights = rankings.Weights(
        settings.ranking_recency, settings.ranking_engagement, settings.ranking_relevance, settings.ranking_media
    )
    known = rules.candidates(page.items, hydrated.counts, interactions)
    best = rankings.rank(ranking, known, reading.now_ms(), weights)[:limit]
    by_id = {item.tweet.tweet_id: item for item in page.items}
    items = [by_id[tweet_id] for tweet_id, _ in best]
    return tweet_page(items, hydrated, page.next, scores=response.scores(best) if explain else None)
