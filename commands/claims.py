"""The names that only one may hold: key → owner in the journal."""

from __future__ import annotations

from infra.journal.port import Claim

RETWEET = "retweet:"
"""What the key of a retweet begins with: the one kind that only one account can want."""


def username(name: str, user_id: int) -> Claim:
    """Claim a name, which has no case, for an account."""
    return Claim(username_key(name), user_id)


def username_key(name: str) -> str:
    """Return the key under which a name's account is found."""
    return f"username:{name.lower()}"


def email(digest: str, user_id: int) -> Claim:
    """Claim an email address, known by its keyed digest, for an account."""
    return Claim(f"email:{digest}", user_id)


def retweet(user_id: int, original_id: int, retweet_id: int) -> Claim:
    """Claim the one retweet that an account may make of a tweet."""
    return Claim(retweet_key(user_id, original_id), retweet_id)


def retweet_key(user_id: int, original_id: int) -> str:
    """Return the key under which an account's retweet of a tweet is found."""
    return f"{RETWEET}{user_id}:{original_id}"


def deleted(tweet_id: int, author_id: int) -> Claim:
    """Claim, for its author, that a tweet is gone: known at once, before any projection hears of it."""
    return Claim(deleted_key(tweet_id), author_id)


def deleted_key(tweet_id: int) -> str:
    """Return the key under which the author of a deleted tweet is found."""
    return f"deleted:{tweet_id}"


def block(user_id: int, target_id: int) -> Claim:
    """Claim that an account blocks another: what a follow, under another key of the log, must not overtake."""
    return Claim(block_key(user_id, target_id), user_id)


def block_key(user_id: int, target_id: int) -> str:
    """Return the key that is held while an account blocks another."""
    return f"block:{user_id}:{target_id}"
