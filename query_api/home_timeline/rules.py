"""Rules of the home timeline's two orders: what the ranked one chooses from. What may be seen: query_api.tweets.rules.

`ranking=latest` shows the page as it stands. Any other ranking scores the newest 2 * limit entries that may be seen
and shows the best `limit` of them; its next page chooses from the entries below all of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.engagement.read_model import Counts
from query_api.home_timeline.ranking import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from projections.engagement.read_model import CountsRow
    from query_api.tweets.rules import Shown

CANDIDATES_PER_PLACE = 2
_NO_COUNTS = Counts()


def candidates(
    items: Iterable[Shown], counts: Mapping[int, CountsRow], interactions: Mapping[int, int]
) -> list[Candidate]:
    """Return what a ranking knows of each tweet: of a retweet, what is known of its original."""
    return [
        Candidate(
            item.tweet.tweet_id,
            counts.get(item.subject.tweet_id, _NO_COUNTS),
            interactions.get(item.subject.author_id, 0),
            not item.subject.body.endswith(b'"media":[]'),
        )
        for item in items
    ]
