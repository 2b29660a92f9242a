"""Likes and bookmarks over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.engagement import handler, lookups
from commands.engagement.answer import BookmarkAnswer, LikeAnswer
from commands.engagement.command import Engage
from commands.execution import execute
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import TweetIdText, id_of, no_body
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.decision import Decision, Stamp
    from commands.engagement.found import EngageFound

STRUCTS = (BookmarkAnswer, LikeAnswer)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]

router = APIRouter(prefix=f"{PREFIX}/tweets", route_class=DirectRoute, tags=["engagement"])


@router.post("/{tweet_id}/like", **described(LikeAnswer, problems=("tweet_not_found", "blocked")))
async def like(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Like a tweet (a retweet's original); twice is once."""
    return await _engage(request, tweet_id, who, handler.like)


@router.delete("/{tweet_id}/like", **described(LikeAnswer, problems=("tweet_not_found",)))
async def unlike(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Take a like back."""
    return await _engage(request, tweet_id, who, handler.unlike)


@router.post("/{tweet_id}/bookmark", **described(BookmarkAnswer, problems=("tweet_not_found", "blocked")))
async def bookmark(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Keep a tweet (a retweet's original) for oneself; twice is once."""
    return await _engage(request, tweet_id, who, handler.bookmark)


@router.delete("/{tweet_id}/bookmark", **described(BookmarkAnswer, problems=("tweet_not_found",)))
async def unbookmark(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Keep a tweet no longer."""
    return await _engage(request, tweet_id, who, handler.unbookmark)


async def _engage(
    request: Request, tweet_id: str, who: Subject, decide: Callable[[Engage, EngageFound, Stamp], Decision]
) -> Response:
    await no_body(request, who)
    command = Engage(who.user_id, id_of(tweet_id, "tweet_not_found", "tweet_id"))

    async def with_found(stamp: Stamp) -> Decision:
        return decide(command, await lookups.for_engage(request.app.state.services, command), stamp)

    return await execute(request, who.user_id, with_found)
