"""What tweet commands must know before they are decided, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra.places import WORLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commands.media.found import MediaFound
    from projections.tweets.read_model import Tweet
    from schemas.tweets.events import Mention


class Reference(NamedTuple):
    """A tweet that stands, and whether its author blocks who refers to it."""

    tweet: Tweet
    blocked: bool


class PostFound(NamedTuple):
    """What a post refers to, and the place (woeid) that its hashtags count for."""

    mentions: Sequence[Mention] = ()
    parent: Reference | None = None
    quoted: Reference | None = None
    place: int = WORLD
    media: Sequence[MediaFound] = ()


class RetweetFound(NamedTuple):
    """The original, the account's own retweet of it (0: none), whether that is claimed, and its count."""

    original: Reference
    retweet_id: int
    claimed: bool
    retweets_count: int


class DeleteFound(NamedTuple):
    """The tweet, if it stands; who deleted it, if somebody did; whether its one-retweet claim is held."""

    tweet: Tweet | None
    deleted_by: int | None
    claimed: bool = False
