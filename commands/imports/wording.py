"""What imported tweets say: the files hold no text, so friendly sentences stand in, chosen by the tweet's id."""

from __future__ import annotations

FIRST_POSTS = (
    "Good morning, flock!",
    "Reading the physics news with a cup of tea.",
    "Something small and exciting is in the air.",
    "Watching the seminar from the back row.",
    "Today's question: what gives things their weight?",
    "Counting events, one by one.",
    "My notebook is full of little bumps.",
    "Five is a lovely number.",
)
REPLIES = (
    "Thank you for sharing this!",
    "I was just about to ask that.",
    "That made my day.",
    "Let us wait for more data and have a biscuit meanwhile.",
    "What a nice way to put it.",
    "Could you say a bit more?",
    "I agree, and my cat does too.",
    "Saved for the train ride home.",
)
MENTIONS = (
    "Good news, @{name}!",
    "Have you seen this, @{name}?",
    "@{name} would like this one.",
    "A wave across the room to @{name}.",
    "Thinking of what @{name} said yesterday.",
    "Tea later, @{name}?",
    "@{name} called it weeks ago.",
    "Well done, @{name}, well done.",
)


def first_post(tweet_id: int) -> str:
    """Return the text of a tweet that answers nothing."""
    return FIRST_POSTS[_choice(tweet_id)]


def reply(tweet_id: int) -> str:
    """Return the text of a reply."""
    return REPLIES[_choice(tweet_id)]


def mention(tweet_id: int, name: str) -> str:
    """Return the text of a tweet that names an account."""
    return MENTIONS[_choice(tweet_id)].format(name=name)


def _choice(tweet_id: int) -> int:
    return (tweet_id >> 8) * 0x9E3779B97F4A7C15 >> 61 & 7
