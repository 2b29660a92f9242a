"""What the demo's people are called and talk about: small, cheerful, harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

MOODS = ("sunny", "gentle", "merry", "brave", "curious", "mellow", "nimble", "cosy", "bright", "witty")
ANIMALS = ("otter", "wren", "badger", "heron", "finch", "hedgehog", "robin", "puffin", "hare", "swift")
TOPICS = {
    "gardening": ("my tomatoes", "the herb box", "a very large pumpkin", "the bean poles", "our apple tree"),
    "baking": ("a loaf with walnuts", "cinnamon rolls", "the sourdough", "a lemon cake", "oat biscuits"),
    "birdwatching": ("a pair of swifts", "the nest under the roof", "a goldcrest", "the geese", "a shy kingfisher"),
    "astronomy": ("the rings of Saturn", "a meteor", "the crescent moon", "Jupiter and its moons", "the Pleiades"),
    "cycling": ("the river path", "a new bell", "the long hill", "the old bridge", "a flat tyre, mended"),
    "music": ("a waltz", "my first chord", "the choir", "an old accordion", "a tune without a name"),
    "reading": ("a good chapter", "the last page", "a book of maps", "three short stories", "the library corner"),
    "tea": ("a pot of mint tea", "the blue cup", "ginger and honey", "the first cup of the day", "jasmine tea"),
}
OPENINGS = (
    "Spent the morning with {thing}.",
    "Could talk about {thing} all day.",
    "Today's small joy: {thing}.",
    "Look at that, {thing}!",
    "Anyone else fond of {thing}?",
    "Nothing beats {thing} on a day like this.",
    "Making notes about {thing}.",
    "Learned something new about {thing}.",
)
ANSWERS = (
    "How lovely!",
    "I would like to see that.",
    "Save me a seat, please.",
    "This made me smile.",
    "Tell us more!",
    "Same here, and with biscuits.",
    "You have a gift for this.",
    "I was just thinking of you.",
)
QUOTES = ("Everybody should read this.", "Yes, exactly this.", "My favourite of the day.", "Passing this on with joy.")
SIGNS = ("🌱", "🍞", "🐦", "🌙", "🚲", "🎶", "📚", "🍵", "😊", "✨", "🌻", "🦔")
PLACES = ("Lindenbach", "Harbour Hill", "Applewick", "Port Merle", "Old Mill", "Birch Lane")


def tweet(dice: Random, friend: str | None) -> str:
    """Return a text about a topic; names a friend where one is given."""
    tag = dice.choice(tuple(TOPICS))
    words = [dice.choice(OPENINGS).format(thing=dice.choice(TOPICS[tag]))]
    if friend:
        words.append(dice.choice(("What do you say, @{}?", "Thank you, @{}!", "Waving at @{}.")).format(friend))
    if dice.random() < 0.7:  # noqa: PLR2004 - most, not all
        words.append(f"#{tag}")
    if dice.random() < 0.6:  # noqa: PLR2004
        words.append(dice.choice(SIGNS))
    return " ".join(words)


def answer(dice: Random) -> str:
    """Return a reply."""
    return f"{dice.choice(ANSWERS)} {dice.choice(SIGNS)}"


def quote(dice: Random) -> str:
    """Return what somebody says above a tweet that they quote."""
    return dice.choice(QUOTES)
