"""Both search engines over the same log: the same ids for the same questions, however the log is delivered."""

from __future__ import annotations

from contextlib import ExitStack, closing
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.log.port import Span, TopicPartition
from infra.projections import StoreError
from projections.search import elasticsearch_indices
from projections.search.read_model import By, Criteria, HasMedia, Mentions, Phrase, Tagged, To
from projections.search.words import tag, words
from schemas.accounts.events import AccountRegistered, ProfileEdited
from schemas.catalogue import ACCOUNTS, TWEETS
from schemas.tweets.events import Mention, TweetDeleted, TweetPosted
from tests.builders import envelope, posted
from tests.conftest import settings_of
from tests.contract.backends import BACKENDS, LOG_ID
from tests.contract.elastic_backends import connected
from tests.found import found
from tests.histories import World, log_of, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

    from infra.projections import ProjectionStore
    from infra.servers import Fleet
    from projections.search.read_model import Atom, SearchReader
    from schemas.envelope import Event
    from tests.contract.backends import Backend
    from tests.histories import Log, Step

pytestmark = pytest.mark.cluster

EXAMPLES = 20
PEOPLE = (1, 2, 3)
BETWEEN = 1_000  # ids of one example

# Letters that fold, combine, join or fall apart; scripts without spaces; signs that engines give a meaning to.
LETTERS = "abAB_19 \u00e9\u00c9e\u0301\u00df\ufb01\u0130\u0131\u03c3\u03c2\u732b\u304c\u0e01\u0e49\U00010400\U0001f426"
SIGNS = '"#@*:-+~^()[]{}\\/.\u00b7\u200d\u200c\uff02\uff5e\u309b\u00bd\u2026\u00a0\u3000'
texts = st.text(LETTERS + SIGNS, max_size=24) | st.text(max_size=24)
short = st.text(LETTERS, max_size=3) | st.text(max_size=3)


class Engine(NamedTuple):
    backend: Backend
    store: ProjectionStore
    reader: SearchReader


class Engines:
    """Both, filled with the same records: one partition of each topic."""

    def __init__(self, open_things: ExitStack, backends: dict[str, Backend], folder: Path) -> None:
        self._ends = {ACCOUNTS: 0, TWEETS: 0}
        self.first = 0
        self.of: dict[str, Engine] = {}
        for name, backend in backends.items():
            path = folder / f"{name}.db"
            store = open_things.enter_context(closing(backend.open_store(path, LOG_ID)))
            self.of[name] = Engine(backend, store, open_things.enter_context(closing(backend.open_reader(path))))

    def say(self, topic: str, events: Sequence[Event]) -> None:
        if not events:
            return
        start = self._ends[topic]
        self._ends[topic] = start + len(events)
        for engine in self.of.values():
            engine.store.apply(engine.backend.project(events), Span(topic, 0, start, self._ends[topic]))

    def tweets(self, criteria: Criteria, limit: int) -> list[int]:
        """All that match, by pages; the same of both."""
        found = {name: list(pages(engine.reader, criteria, limit)) for name, engine in self.of.items()}
        assert found["elasticsearch"] == found["sqlite"], criteria
        return found["sqlite"]

    def people(self, prefixes: Sequence[str], limit: int) -> list[int]:
        found = {name: engine.reader.people(prefixes, limit) for name, engine in self.of.items()}
        assert found["elasticsearch"] == found["sqlite"], prefixes
        return found["sqlite"]


def pages(reader: SearchReader, criteria: Criteria, limit: int) -> Iterator[int]:
    page = reader.tweets(criteria, None, limit)
    while page:
        yield from page
        page = reader.tweets(criteria, page[-1], limit)


@pytest.fixture(scope="module")
def engines(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    data = tmp_path_factory.mktemp("engines")
    with connected(settings_of(fleet, data, "elasticsearch")), ExitStack() as open_things:
        yield Engines(open_things, BACKENDS["search"], data)


@st.composite
def tweets_of(draw: st.DrawFn, number: int) -> Event:
    author, other = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(PEOPLE))
    if draw(st.integers(0, 5)) == 0:
        return TweetDeleted(envelope(), number - draw(st.integers(0, 3)), author)
    tweet = posted(author, number, draw(texts), reply_to=draw(st.sampled_from((None, (1, other)))))
    return msgspec.structs.replace(
        tweet,
        mentions=draw(st.sampled_from(([], [Mention(other, "x")]))),
        media_ids=draw(st.sampled_from(([], [1]))),
        hashtags=draw(st.lists(short.filter(bool), max_size=2)),
    )


@st.composite
def atoms(draw: st.DrawFn, said: Sequence[str]) -> Atom:
    person = draw(st.sampled_from(PEOPLE))
    kind = draw(st.integers(0, 9))
    if kind <= 5:  # words of what was said, above all
        cut = words(draw(st.sampled_from(said) if said else texts)) or words(draw(short)) or ["a"]
        start = draw(st.integers(0, len(cut) - 1))
        return Phrase(tuple(cut[start : start + draw(st.integers(1, 3))]))
    if kind == 6:
        return Tagged(tag(draw(short)) or "a")
    return (By(person), To(person), Mentions(person))[kind - 7] if draw(st.booleans()) else HasMedia()


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_both_find_the_same_tweets_in_the_same_pages(engines: Engines, data: st.DataObject) -> None:
    first = engines.first = engines.first + BETWEEN
    events = [data.draw(tweets_of(number)) for number in range(first, first + data.draw(st.integers(1, 12)))]
    again = [events[at % len(events)] for at in data.draw(st.lists(st.integers(0, 11), max_size=2))]
    engines.say(TWEETS, [*events, *again])
    said = [content for event in events if (content := getattr(event, "content", ""))]
    for _ in range(4):
        criteria = Criteria(
            tuple(data.draw(st.lists(atoms(said), max_size=2))),
            tuple(data.draw(st.lists(atoms(said), max_size=2))),
            since_id=data.draw(st.sampled_from((0, first, first + 3))),
            until_id=data.draw(st.sampled_from((first + 5, first + BETWEEN))),
        )
        engines.tweets(criteria, data.draw(st.sampled_from((3, 5, 1000))))


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_both_find_the_same_people(engines: Engines, data: st.DataObject) -> None:
    first = engines.first = engines.first + BETWEEN
    names = data.draw(st.lists(texts, min_size=1, max_size=6))
    events: list[Event] = [
        AccountRegistered(envelope(), user_id, f"User_{user_id}", name) for user_id, name in enumerate(names, first)
    ]
    for _ in range(data.draw(st.integers(0, 4))):
        user_id = first + data.draw(st.integers(0, len(names)))  # one beyond: a name of nobody
        events.append(ProfileEdited(envelope(), user_id, display_name=data.draw(st.none() | texts)))
    again = [events[at % len(names)] for at in data.draw(st.lists(st.integers(0, 5), max_size=2))]
    middle = data.draw(st.integers(0, len(events)))
    engines.say(ACCOUNTS, events[:middle])
    engines.say(ACCOUNTS, [*events[middle:], *(again if middle else ())])
    for name in names:
        for word in words(name)[:2]:
            cut = data.draw(st.integers(1, len(word)))
            prefixes = [word[:cut], *words(data.draw(short))[:1]]
            engines.people(prefixes, data.draw(st.sampled_from((1, 3, 2000))))
    assert first in engines.people([f"user_{first}"], 9)


numbers = count()


@pytest.fixture(scope="module")
def delivering(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("delivering")
    with connected(settings_of(fleet, data, "elasticsearch")):
        yield data


class Deliveries:
    """Brings a log in portions of any size, partitions mixed; now and then a worker that is far behind goes on."""

    def __init__(self, log: Log, dice: Random, path: Path) -> None:
        self._log = log
        self._dice = dice
        self._backend = BACKENDS["search"]["elasticsearch"]
        self._store: Any = self._backend.open_store(path, LOG_ID)
        self._ghost: Any = self._backend.open_store(path, LOG_ID)
        self.reader: SearchReader = self._backend.open_reader(path)

    def bring_all(self) -> None:
        done = dict.fromkeys(self._log, 0)
        while waiting := [place for place in done if done[place] < len(self._log[place])]:
            place = self._dice.choice(waiting)
            start = done[place]
            done[place] = self._bring(self._store, place, start)
            if self._dice.random() < 0.3:
                before = self._dice.randint(0, start)
                self._ghost._next = {place: before}  # it remembers that its turn has come
                self._bring(self._ghost, place, before)

    def _bring(self, store: ProjectionStore, place: TopicPartition, start: int) -> int:
        end = min(start + self._dice.randint(1, 9), len(self._log[place]))
        store.apply(self._backend.project(self._log[place][start:end]), Span(*place, start, end))
        return end


@settings(max_examples=5, deadline=None)
@given(chosen=st.lists(steps, min_size=20, max_size=60), dice=st.randoms(use_true_random=False))
def test_however_a_log_is_delivered_the_same_is_found(delivering: Path, chosen: list[Step], dice: Random) -> None:
    history = World().play(chosen)
    again = [event for event in history if isinstance(event, TweetPosted)][:3]  # the log may hold a fact twice
    log = log_of([*history, *again], (ACCOUNTS, TWEETS))
    path = delivering / f"{next(numbers)}.db"
    delivered = Deliveries(log, dice, path)
    delivered.bring_all()
    plain = BACKENDS["search"]["sqlite"]
    with closing(plain.open_store(path, LOG_ID)) as store:
        for place, events in log.items():
            store.apply(plain.project(events), Span(*place, 0, len(events)))
    with closing(plain.open_reader(path)) as reader:
        assert found(delivered.reader) == found(reader)


def test_a_store_whose_indices_are_gone_says_that_it_has_nothing(
    fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("gone")
    backend = BACKENDS["search"]["elasticsearch"]
    with connected(settings_of(fleet, data, "elasticsearch")) as session:
        store = backend.open_store(data / "g1.db", LOG_ID)
        store.apply(backend.project([posted(1, 10, "cat")]), Span(TWEETS, 0, 0, 1))
        elasticsearch_indices.drop(session.elastic, session.settings, 1)
        assert store.checkpoints() == {}
        with pytest.raises(StoreError, match="index_not_found"):
            store.apply(backend.project([posted(1, 11, "cat")]), Span(TWEETS, 0, 0, 1))
