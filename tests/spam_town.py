"""A labelled town: people, bots and spammers, and what they post; the same for the same seed.

Hard negatives are among the good: news bots that post links all day, greetings that are alike every day, fans who
quote one idol, newcomers with many questions, chats between two. Spammers link, name strangers, repeat with
variations, or do it from an account that was good for years.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from schemas.envelope import Envelope
from schemas.ids import first_id_at
from schemas.tweets.events import Mention, TweetPosted
from tests.builders import EPOCH_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WORDS = [
    "tea",
    "rain",
    "garden",
    "train",
    "music",
    "bread",
    "window",
    "river",
    "market",
    "cat",
    "story",
    "night",
    "photo",
    "game",
    "coffee",
    "letter",
    "hill",
    "bridge",
    "summer",
    "lamp",
    "kitchen",
    "friend",
    "paper",
    "road",
    "wool",
    "cloud",
    "ticket",
    "island",
    "guitar",
    "sugar",
    "winter",
    "stone",
    "harbour",
    "mirror",
]
OFFERS = ("win a phone now", "earn money from home", "hot singles near you", "free coins for everyone")
FILLERS = ("hurry", "today only", "do not miss it", "best deal ever", "trust me", "last chance")


class Said(NamedTuple):
    """One tweet: when, what, where it links to, whom it names."""

    at_ms: int
    text: str
    urls: tuple[str, ...] = ()
    names: tuple[int, ...] = ()


class Somebody(NamedTuple):
    """An account, what it is, and what it posts."""

    user_id: int
    kind: str
    is_spam: bool
    says: tuple[Said, ...]

    def events(self) -> Iterator[TweetPosted]:
        """Return the events."""
        for number, said in enumerate(self.says):
            tweet_id = first_id_at(said.at_ms) + number
            yield TweetPosted(
                Envelope(tweet_id, said.at_ms, self.user_id),
                tweet_id,
                self.user_id,
                " ".join([said.text, *said.urls]),
                tweet_id,
                urls=list(said.urls),
                mentions=[Mention(it, f"user_{it}") for it in said.names],
            )


def sentence(dice: random.Random, words: int = 8) -> str:
    """Return words of no meaning."""
    return " ".join(dice.choices(WORDS, k=words))


def chatter(dice: random.Random, start: int) -> Iterator[Said]:
    for hour in range(dice.randrange(6, 30)):
        names = (dice.randrange(1, 9),) if dice.random() < 0.3 else ()
        yield Said(start + hour * dice.randrange(20, 120) * MINUTE_MS, sentence(dice), names=names)


def news_bot(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(40):
        url = f"https://news.example/{dice.randrange(10**9)}"
        yield Said(start + number * 12 * MINUTE_MS, sentence(dice, 11), (url,))


def greeter(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(24):
        yield Said(
            start + number * 50 * MINUTE_MS, dice.choice(("good morning everybody here", "good night all of you"))
        )


def fan(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(25):
        yield Said(start + number * 9 * MINUTE_MS, f"i love this so much {sentence(dice, 2)}", names=(77,))


def newcomer(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(12):
        names = (dice.randrange(1, 12),) if dice.random() < 0.6 else ()
        urls = ("https://photos.example/mine",) if dice.random() < 0.15 else ()
        yield Said(start + number * 7 * MINUTE_MS, sentence(dice, 6), urls, names)


def chat(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(40):
        yield Said(start + number * MINUTE_MS, sentence(dice, 4), names=(5,))


def inviter(dice: random.Random, start: int) -> Iterator[Said]:
    for number in range(8):
        guests = tuple(dice.sample(range(1_000, 9_000), 2))
        yield Said(start + number * 30 * MINUTE_MS, f"come to our party on friday {sentence(dice, 1)}", names=guests)
        yield Said(start + number * 30 * MINUTE_MS + 5, sentence(dice, 5), ("https://party.example/",))


def patient_spam(dice: random.Random, start: int) -> Iterator[Said]:
    """A link among good company, a few times a day: not found."""
    for number in range(12):
        yield Said(start + number * 5 * HOUR_MS, f"{sentence(dice)} {dice.choice(FILLERS)}", ("http://pills.example/",))
        yield from (Said(start + number * 5 * HOUR_MS + it * HOUR_MS, sentence(dice)) for it in range(1, 4))


def link_spam(dice: random.Random, start: int) -> Iterator[Said]:
    offer = dice.choice(OFFERS)
    for number in range(20):
        url = f"http://shop.example/{dice.randrange(10**6)}"
        yield Said(start + number * dice.randrange(1, 5) * MINUTE_MS, f"{offer} {dice.choice(FILLERS)}", (url,))


def mention_spam(dice: random.Random, start: int) -> Iterator[Said]:
    offer = dice.choice(OFFERS)
    for number in range(20):
        strangers = tuple(dice.sample(range(1_000, 9_000), 3))
        yield Said(
            start + number * 3 * MINUTE_MS, f"{offer} {dice.choice(FILLERS)}", ("http://go.example/x",), strangers
        )


def slow_spam(dice: random.Random, start: int) -> Iterator[Said]:
    offer = dice.choice(OFFERS)
    for number in range(20):
        strangers = tuple(dice.sample(range(1_000, 9_000), 2))
        yield Said(
            start + number * 40 * MINUTE_MS, f"{offer}, {dice.choice(FILLERS)}!", ("http://b.example/",), strangers
        )


def taken_over(dice: random.Random, start: int) -> Iterator[Said]:
    yield from chatter(dice, start)
    later = start + 3 * DAY_MS
    for number in range(20):
        strangers = tuple(dice.sample(range(1_000, 9_000), 3))
        text = f"{dice.choice(OFFERS[:1])} {dice.choice(FILLERS)}"
        yield Said(later + number * 30_000, text, ("http://phish.example/in",), strangers)


def worded_spam(dice: random.Random, start: int) -> Iterator[Said]:
    """Other words each time: the hardest to find."""
    for number in range(20):
        strangers = tuple(dice.sample(range(1_000, 9_000), 2))
        yield Said(start + number * 2 * MINUTE_MS, sentence(dice, 9), ("http://odd.example/",), strangers)


KINDS: dict[str, tuple[Callable[[random.Random, int], Iterator[Said]], bool, int, int]] = {
    "chatter": (chatter, False, 400, 300),
    "news bot": (news_bot, False, 60, 200),
    "young news bot": (news_bot, False, 15, 1),
    "greeter": (greeter, False, 60, 60),
    "fan": (fan, False, 80, 5),
    "newcomer": (newcomer, False, 120, 0),
    "chat": (chat, False, 80, 20),
    "inviter": (inviter, False, 30, 0),
    "link spam": (link_spam, True, 80, 0),
    "mention spam": (mention_spam, True, 60, 1),
    "slow spam": (slow_spam, True, 40, 2),
    "taken over": (taken_over, True, 30, 500),
    "worded spam": (worded_spam, True, 30, 0),
    "patient spam": (patient_spam, True, 20, 200),
}
"""Kind → what it posts, whether it is spam, how many there are, and how many days old they are at most."""


def town(seed: int = 1) -> list[Somebody]:
    """Return everybody."""
    dice = random.Random(seed)
    people: list[Somebody] = []
    for kind, (says, is_spam, many, oldest) in KINDS.items():
        for _ in range(many):
            born = EPOCH_MS - dice.randrange(0, oldest * DAY_MS + HOUR_MS)
            said = tuple(sorted(says(dice, EPOCH_MS + dice.randrange(DAY_MS))))
            people.append(Somebody(first_id_at(born) + len(people) % 65_536, kind, is_spam, said))
    return people
