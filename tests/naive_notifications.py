"""Who must be notified of what, in the plainest form: lists, sets, a sort; shares no code with what it checks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from schemas.engagements.events import Liked, Unliked
from schemas.follows.events import Followed, Unfollowed
from schemas.ids import from_uuid
from schemas.tweets.events import Retweeted, RetweetUndone, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from schemas.envelope import Event
    from tests.higgs_checks import Loaded
    from tests.naive_higgs import NaiveHiggs

ACTORS_SHOWN, ACTORS_COUNTED = 5, 100


class Fact(NamedTuple):
    """An actor did something that stands and that concerns a recipient; `tweet` is 0 for a follow."""

    recipient: int
    tweet: int
    kind: str
    actor: int
    at_ms: int


class Shown(NamedTuple):
    """A notification as a page shows it."""

    at_ms: int
    tweet: int
    kind: str
    actors: tuple[int, ...]
    counted: int
    more: bool


def expected(facts: Iterable[Fact], hidden: Collection[int] = ()) -> list[Shown]:
    """What one recipient must be shown, newest first, less what hidden actors did."""
    days: dict[tuple[int, str, str], list[tuple[int, int]]] = defaultdict(list)
    for fact in facts:
        if fact.actor not in hidden:
            day = datetime.fromtimestamp(fact.at_ms // 1000, UTC).date().isoformat()
            days[fact.tweet, fact.kind, day].append((fact.at_ms, fact.actor))
    found = []
    for (tweet, kind, _), did in days.items():
        actors = [actor for _, actor in sorted(did, reverse=True)]
        more = len(actors) > ACTORS_COUNTED
        found.append(Shown(max(did)[0], tweet, kind, tuple(actors[:ACTORS_SHOWN]), min(len(actors), 100), more))
    return sorted(found, reverse=True)


def standing(history: Iterable[Event]) -> list[Fact]:
    """What stands at the end of a history, since its first time; deleted tweets are not looked at."""
    first: dict[tuple[int, int, str, int], int] = {}
    ended: set[tuple[int, int, str, int]] = set()
    for event in history:
        for began, notice in begun_or_ended(event):
            first.setdefault(notice, event.envelope.occurred_at_ms)
            ended = ended - {notice} if began else ended | {notice}
    return [Fact(*notice, at_ms) for notice, at_ms in first.items() if notice not in ended]


def begun_or_ended(event: Event) -> Iterator[tuple[bool, tuple[int, int, str, int]]]:
    """Whether it begins, and the recipient, tweet, kind and actor of it."""
    match event:
        case Liked() | Unliked() if event.author_id != event.user_id:
            yield isinstance(event, Liked), (event.author_id, event.tweet_id, "like", event.user_id)
        case Followed() | Unfollowed():
            yield isinstance(event, Followed), (event.target_id, 0, "follow", event.user_id)
        case Retweeted() | RetweetUndone() if event.author_id != event.original_author_id:
            notice = (event.original_author_id, event.original_id, "retweet", event.author_id)
            yield isinstance(event, Retweeted), notice
        case TweetPosted():
            told = {event.author_id}
            concerned = [(event.reply_to_author_id, "reply"), (event.quoted_author_id, "quote")]
            for recipient, kind in [*concerned, *((it.user_id, "mention") for it in event.mentions)]:
                if recipient and recipient not in told:
                    told.add(recipient)
                    yield True, (recipient, event.tweet_id, kind, event.author_id)


def read(page: dict[str, Any]) -> list[Shown]:
    """What a page of the query API shows."""
    return [
        Shown(
            int(datetime.fromisoformat(it["created_at"]).timestamp() * 1000 + 0.5),
            (it["tweet"] and from_uuid(it["tweet"]["tweet_id"])) or 0,
            it["kind"],
            tuple(from_uuid(actor["user_id"]) or 0 for actor in it["actors"]),
            it["actors_count"],
            it["actors_more"],
        )
        for it in page["notifications"]
    ]


def check_pages(pages: list[list[Shown]], wanted: list[Shown]) -> None:
    """The pages show what is wanted: within each in order, from one to the next in order by the minute."""
    assert all(page == sorted(page, key=lambda it: it.at_ms, reverse=True) for page in pages)
    minutes = [it.at_ms // 60_000 for page in pages for it in page]
    assert minutes == sorted(minutes, reverse=True)
    assert sorted((it for page in pages for it in page), reverse=True) == wanted


def facts_of_higgs(loaded: Loaded, naive: NaiveHiggs) -> Iterator[Fact]:
    """Everything that a Higgs file must notify anybody of; follows come a millisecond apart before the first row."""
    first_ms = naive.entries[0].time * 1000 if naive.entries else 0
    for place, (follower, followee) in enumerate(naive.follows_in_order):
        at_ms = first_ms - len(naive.follows_in_order) + place
        yield Fact(loaded.ids[followee], 0, "follow", loaded.ids[follower], at_ms)
    for entry in naive.entries:
        own_id = loaded.tweet_ids[entry.place]
        author, at_ms = loaded.ids[entry.author], own_id >> 16
        if entry.of is not None and entry.of_author is not None and entry.of_author != entry.author:
            retweet = entry.kind == "RETWEET"
            about = loaded.tweet_ids[entry.of] if retweet else own_id
            yield Fact(loaded.ids[entry.of_author], about, "retweet" if retweet else "reply", author, at_ms)
        if entry.mentions not in {None, entry.author}:
            yield Fact(loaded.ids[entry.mentions or 0], own_id, "mention", author, at_ms)


def all_pages(client: httpx.Client, headers: dict[str, str], most: int) -> Iterator[list[Shown]]:
    """The pages that the API gives, the first `most` of them."""
    cursor = None
    for _ in range(most):
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        answer = client.get("/api/v1/notifications", params=params, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        yield read(answer.json())
        cursor = answer.json()["next_cursor"]
        if not answer.json()["has_more"]:
            return
