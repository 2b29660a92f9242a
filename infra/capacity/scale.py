"""How much is asked of the system: people and tweets a day become operations a second at the peak.

The defaults are those of the seed: 500 million users, 200 million of them a day, 500 million tweets a day. Each field
that is an assumption rather than a demand says so.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400
EVENTS = ("tweets", "retweets", "follows", "likes")


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the system, per day; shares are of 1."""

    users: int = 500_000_000
    daily_users: int = 200_000_000
    daily_tweets: int = 500_000_000
    followers: int = 1_000  # of the author of an average tweet: those who tweet more have more
    follows: int = 200  # edges per account
    feeds_per_day: float = 10.0  # per daily user: 23 K a second on average, 69 K at the peak
    retweets_per_tweet: float = 5 / 3  # 29 K a second at the peak
    likes_per_tweet: float = 10.0
    follows_per_day: float = 5 / 3  # per daily user: 11.5 K a second at the peak
    peak: float = 3.0  # times the average
    active: float = 0.6  # assumed: share of users who have read within 30 days, whose timelines are pushed to
    pushed: float = 0.5  # assumed: share of deliveries whose author is below the celebrity threshold
    open_streams: float = 0.5  # per daily user, at the peak
    regions: int = 1

    def average(self, what: str) -> float:
        """Return how many of them there are in a second, over a day."""
        daily = {
            "tweets": self.daily_tweets,
            "retweets": self.daily_tweets * self.retweets_per_tweet,
            "likes": self.daily_tweets * self.likes_per_tweet,
            "follows": self.daily_users * self.follows_per_day,
            "feeds": self.daily_users * self.feeds_per_day,
        }
        return daily[what] / DAY_S

    def at_peak(self, what: str) -> float:
        """Return how many of them there are in a second at the peak."""
        return self.average(what) * self.peak

    def deliveries_at_peak(self) -> float:
        """Return how many entries are pushed to timelines in a second."""
        return (self.at_peak("tweets") + self.at_peak("retweets")) * self.followers * self.active * self.pushed


def scale_of(
    users: int | None, daily_users: int | None, daily_tweets: int | None, followers: int | None, regions: int
) -> Scale:
    """Return a size of which only some is given: what is not keeps the seed's proportion to what is."""
    seed = Scale()
    users = users or seed.users
    daily_users = daily_users or users * seed.daily_users // seed.users
    daily_tweets = daily_tweets or daily_users * seed.daily_tweets // seed.daily_users
    return Scale(users, daily_users, daily_tweets, followers or seed.followers, regions=regions)
