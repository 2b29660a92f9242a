"""Tweets over HTTP: post, reply, delete, retweet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response

from commands.execution import execute
from commands.media.endpoint import MEDIA_PROBLEMS
from commands.operations import PREFIX
from commands.operations import command as described
from commands.requests import TweetIdText, body_of, id_of, no_body
from commands.tweets import handler, lookups, text
from commands.tweets.answer import DeletedAnswer, PostReplyBody, PostTweetBody, RetweetAnswer, TweetAnswer
from commands.tweets.command import PostTweet, TweetCommand
from infra.auth.tokens import Subject
from infra.http.rate_limits import RateClass, limited_subject
from infra.http.routes import DirectRoute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from commands.decision import Decision, Stamp
    from commands.services import Services


STRUCTS = (DeletedAnswer, PostReplyBody, PostTweetBody, RetweetAnswer, TweetAnswer)
_TEXT = ("text_empty", "text_too_long", "text_invalid_character", *MEDIA_PROBLEMS)
Who = Annotated[Subject, limited_subject(RateClass.WRITE)]

router = APIRouter(prefix=f"{PREFIX}/tweets", route_class=DirectRoute, tags=["tweets"])


@router.post(
    "", **described(TweetAnswer, status=201, body=PostTweetBody, problems=(*_TEXT, "tweet_not_found", "blocked"))
)
async def post_tweet(request: Request, who: Who) -> Response:
    """Post a tweet, a reply or a quote."""
    body = await body_of(request, PostTweetBody, who)
    reply_to = _optional_id(body.reply_to_tweet_id, "reply_to_tweet_id")
    quoted = _optional_id(body.quoted_tweet_id, "quoted_tweet_id")
    command = PostTweet(who.user_id, _content(body), reply_to, quoted, _media_ids(body))
    return await execute(request, who.user_id, _post(request, command))


@router.post(
    "/{tweet_id}/reply",
    **described(TweetAnswer, status=201, body=PostReplyBody, problems=(*_TEXT, "tweet_not_found", "blocked")),
)
async def reply(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Reply to a tweet (to a retweet's original)."""
    body = await body_of(request, PostReplyBody, who)
    parent_id = id_of(tweet_id, "tweet_not_found", "tweet_id")
    command = PostTweet(who.user_id, _content(body), parent_id, media_ids=_media_ids(body))
    return await execute(request, who.user_id, _post(request, command))


@router.delete("/{tweet_id}", **described(DeletedAnswer, problems=("tweet_not_found", "not_the_author")))
async def delete_tweet(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Delete one's own tweet; a retweet's id undoes the retweet."""
    services, command = await _to_one(request, tweet_id, who)

    async def decide(stamp: Stamp) -> Decision:
        return handler.delete_tweet(command, await lookups.for_delete(services, command), stamp)

    return await execute(request, who.user_id, decide)


@router.post("/{tweet_id}/retweet", **described(RetweetAnswer, problems=("tweet_not_found", "blocked")))
async def retweet(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Retweet a tweet (a retweet's original); twice is once."""
    services, command = await _to_one(request, tweet_id, who)

    async def decide(stamp: Stamp) -> Decision:
        return handler.retweet(command, await lookups.for_retweet(services, command), stamp)

    return await execute(request, who.user_id, decide)


@router.delete("/{tweet_id}/retweet", **described(RetweetAnswer, problems=("tweet_not_found",)))
async def undo_retweet(request: Request, tweet_id: TweetIdText, who: Who) -> Response:
    """Take one's retweet back."""
    services, command = await _to_one(request, tweet_id, who)

    async def decide(stamp: Stamp) -> Decision:
        return handler.undo_retweet(command, await lookups.for_retweet(services, command), stamp)

    return await execute(request, who.user_id, decide)


def _post(request: Request, command: PostTweet) -> Callable[[Stamp], Awaitable[Decision]]:
    services: Services = request.app.state.services

    async def decide(stamp: Stamp) -> Decision:
        entities = text.extract(command.content)
        found = await lookups.for_post(services, command, entities)
        return handler.post_tweet(command, entities, found, stamp, services.settings.media_url)

    return decide


async def _to_one(request: Request, tweet_id: str, who: Subject) -> tuple[Services, TweetCommand]:
    await no_body(request, who)
    command = TweetCommand(who.user_id, id_of(tweet_id, "tweet_not_found", "tweet_id"))
    return request.app.state.services, command


def _content(body: PostTweetBody | PostReplyBody) -> str:
    return handler.check_text(body.content, pictured=bool(body.media_ids))


def _media_ids(body: PostTweetBody | PostReplyBody) -> tuple[int, ...]:
    return tuple(dict.fromkeys(id_of(it, "media_unknown", "media_ids") for it in body.media_ids))


def _optional_id(uuid: str | None, param: str) -> int | None:
    return None if uuid is None else id_of(uuid, "tweet_not_found", param)
