"""What is kept of an author between two tweets, and how a tweet is folded into it. Pure; every store does it alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.spam.read_model import FLOOR, TENTHS, Flagged
from projections.spam.scoring import Seen, remembered, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Author(msgspec.Struct, frozen=True, array_like=True):
    """`reached` says, for each tenth from FLOOR on, when it was reached last; `total` and `parts` are of that time."""

    window: tuple[Seen, ...] = ()
    tweets: int = 0
    reached: tuple[int, ...] = (0,) * (TENTHS - FLOOR + 1)
    total: float = 0.0
    parts: dict[str, float] = {}

    def at(self, tenths: int) -> int:
        """Return when so many tenths were reached last; 0: never."""
        return last_at(self.reached, tenths)

    def flagged(self, user_id: int, tenths: int) -> Flagged | None:
        """Return how the account stands to a threshold; None: it never reached it."""
        at_ms = self.at(tenths)
        return Flagged(user_id, at_ms, self.total, self.parts) if at_ms else None


NEW = Author()
pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Author).decode
unpack_reached = msgspec.msgpack.Decoder(tuple[int, ...]).decode


def last_at(reached: Sequence[int], tenths: int) -> int:
    """Return when so many tenths were reached last; 0: never."""
    return max(reached[max(tenths, FLOOR) - FLOOR :], default=0)


def folded(user_id: int, author: Author, tweets: Iterable[Seen]) -> Author:
    """Return what is kept of an author after more tweets, in their order; one that is said again changes nothing."""
    for tweet in tweets:
        if any(it.tweet_id == tweet.tweet_id for it in author.window):
            continue
        window = remembered(author.window, tweet)
        total, parts = score(user_id, window)
        total = round(total, 4)
        tenth = int(total * TENTHS)
        reached = author.reached
        if tenth >= FLOOR:
            reached = tuple(tweet.at_ms if at <= tenth - FLOOR else was for at, was in enumerate(reached))
            rounded = {name: round(part, 4) for name, part in parts.items()}
            author = Author(window, author.tweets + 1, reached, total, rounded)
        else:
            author = Author(window, author.tweets + 1, reached, author.total, author.parts)
    return author
