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


def media(media_id: int, by: int) -> Claim:
    """Claim an image or a video for what has it, a tweet or an account: it is attached once, and for good."""
    return Claim(media_key(media_id), by)


def media_key(media_id: int) -> str:
    """Return the key under which is found what has an image or a video."""
    return f"media:{media_id}"


def completed(media_id: int, owner_id: int) -> Claim:
    """Claim, for its owner, that an upload that was announced is complete: it is said once."""
    return Claim(completed_key(media_id), owner_id)


def completed_key(media_id: int) -> str:
    """Return the key under which is found who completed an upload that was announced."""
    return f"completed:{media_id}"


def block(user_id: int, target_id: int) -> Claim:
    """Claim that an account blocks another: what a follow, under another key of the log, must not overtake."""
    return Claim(block_key(user_id, target_id), user_id)


def block_key(user_id: int, target_id: int) -> str:
    """Return the key that is held while an account blocks another."""
    return f"block:{user_id}:{target_id}"


def gone(digest: str, user_id: int) -> Claim:
    """Claim, for an account that was erased, the name it had, known by its keyed digest: nobody may have it again."""
    return Claim(gone_key(digest), user_id)


def gone_key(digest: str) -> str:
    """Return the key that is held where a name was an erased account's."""
    return f"gone:{digest}"


def erasing(user_id: int) -> Claim:
    """Claim that an account's erasure has begun: from there on it cannot come back."""
    return Claim(erasing_key(user_id), user_id)


def erasing_key(user_id: int) -> str:
    """Return the key that is held once an account's erasure has begun."""
    return f"erasing:{user_id}"


def case(subject_id: int, moderator_id: int) -> Claim:
    """Claim a case for the one moderator who works on it."""
    return Claim(case_key(subject_id), moderator_id)


def case_key(subject_id: int) -> str:
    """Return the key under which the moderator is found who holds a case."""
    return f"case:{subject_id}"


def report(subject_id: int, reporter_id: int) -> Claim:
    """Claim the one report that an account may file about a subject."""
    return Claim(report_key(subject_id, reporter_id), reporter_id)


def report_key(subject_id: int, reporter_id: int) -> str:
    """Return the key that is held once an account has reported a subject."""
    return f"report:{subject_id}:{reporter_id}"


def appeal(subject_id: int, decided_ms: int, user_id: int) -> Claim:
    """Claim the one appeal that there is against a decision."""
    return Claim(f"appeal:{subject_id}:{decided_ms}", user_id)


def withdrawn(user_id: int, number: int) -> Claim:
    """Claim that a part of what an account said about topics was taken away: it would count twice."""
    return Claim(withdrawn_key(user_id, number), user_id)


def withdrawn_key(user_id: int, number: int) -> str:
    """Return the key that is held once that part was taken away."""
    return f"withdrawn:{user_id}:{number}"
