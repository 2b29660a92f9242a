"""Chooses the entities that are recounted, by their ids alone: the same whoever asks, whatever a store holds."""

from __future__ import annotations

from typing import NamedTuple

_SPREAD = 0x9E3779B97F4A7C15  # 2⁶⁴ / the golden ratio: ids that follow one another fall far apart
_MASK = (1 << 64) - 1
NOBODY = 1 << 62  # one in so many: none
_LOW = 20  # bits of a product that follow too simply from the number


class Sample(NamedTuple):
    """One in so many users, and one in so many tweets; 1: all."""

    users: int = 1
    tweets: int = 1
    turn: int = 0  # another turn chooses others

    def has_user(self, user_id: int) -> bool:
        """Tell whether an account is among them."""
        return self.users == 1 or not (((user_id + self.turn) * _SPREAD & _MASK) >> _LOW) % self.users

    def has_tweet(self, tweet_id: int) -> bool:
        """Tell whether a tweet is among them."""
        return self.tweets == 1 or not (((tweet_id + self.turn) * _SPREAD & _MASK) >> _LOW) % self.tweets


def sample_of(accounts: int, tweets: int, wanted: int, turn: int = 0) -> Sample:
    """Return the sample of about that many accounts, and as many tweets, out of these."""
    if not wanted:
        return Sample()
    return Sample(max(1, accounts // wanted), max(1, tweets // wanted), turn)


class _One(Sample):
    """A sample of one account: `turn` is its id."""

    def has_user(self, user_id: int) -> bool:
        """Tell whether it is the one."""
        return user_id == self.turn

    def has_tweet(self, tweet_id: int) -> bool:  # noqa: ARG002 - none is
        """No tweet is asked about by itself."""
        return False


def only(user_id: int) -> Sample:
    """Return the sample of one account, and no tweet."""
    return _One(NOBODY, NOBODY, user_id)
