"""What a search index answers, for every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.search.read_model import By, Criteria, HasMedia, Mentions, Phrase, SearchReader, Tagged, To
from projections.search.words import tag, words
from schemas.accounts.events import AccountErased, ProfileEdited
from schemas.tweets.events import Mention, TweetDeleted
from tests.builders import envelope, posted, registered, retweeted
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.tweets.events import TweetPosted

ADA, BOB = 1, 2


@pytest.fixture(params=BACKENDS["search"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[SearchReader]]:
    it: Kept[SearchReader] = Kept(BACKENDS["search"][request.param], tmp_path / "g1.db")
    yield it
    it.close()


def found(kept: Kept[SearchReader], *required: object, excluded: tuple[object, ...] = (), **bounds: int) -> list[int]:
    return kept.reader.tweets(Criteria(required, excluded, **bounds), None, 100)  # type: ignore[arg-type]


def word(text: str) -> Phrase:
    return Phrase(tuple(words(text)))


def with_facts(tweet: TweetPosted, **facts: object) -> TweetPosted:
    return msgspec.structs.replace(tweet, **facts)


def test_words_are_found_newest_first_whatever_their_case_and_accents(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "A CAFÉ at noon"), posted(BOB, 30, "café?"), posted(ADA, 20, "decaf"))
    assert found(kept, word("Cafe")) == [30, 10]
    assert found(kept, word("noon"), word("cafe")) == [10]
    assert found(kept, word("caf")) == []


def test_a_phrase_is_found_in_its_order_only(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "the quick brown fox"), posted(ADA, 11, "brown quick fox"))
    assert found(kept, word("quick brown")) == [10]


def test_scripts_without_spaces_are_found_in_part(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "私は猫が好きです"), posted(ADA, 11, "好猫"))
    assert found(kept, word("猫が")) == [10]
    assert found(kept, word("猫")) == [11, 10]


def test_facts_are_found(kept: Kept[SearchReader]) -> None:
    named = with_facts(posted(ADA, 12, "hi @bob"), mentions=[Mention(BOB, "bob")])
    pictured = with_facts(posted(BOB, 13, "look"), media_ids=[5])
    tagged = with_facts(posted(BOB, 14, "#Higgs and #Café"), hashtags=["Higgs", "Café"])
    kept.say(posted(ADA, 10, "one"), posted(BOB, 11, "two", reply_to=(10, ADA)), named, pictured, tagged)
    assert found(kept, By(ADA)) == [12, 10]
    assert found(kept, To(ADA)) == [11]
    assert found(kept, Mentions(BOB)) == [12]
    assert found(kept, HasMedia()) == [13]
    assert found(kept, Tagged("higgs"), Tagged("cafe")) == [14]
    assert found(kept, Tagged("hig")) == []


def test_a_hashtag_is_one_word_whatever_folding_makes_of_it(kept: Kept[SearchReader]) -> None:
    odd = (
        "a\uff02b",
        "a\u309bb",
        "a\uff5eb",
        "a\u200db",
        "\u00bd",
        "\u2026",
    )  # ", a space, ~, nothing, a fraction, ...
    kept.say(*(with_facts(posted(ADA, at, "x"), hashtags=[it]) for at, it in enumerate(odd, 10)))
    assert [found(kept, Tagged(tag(it))) for it in odd[:5]] == [[12, 10], [11], [12, 10], [13], [14]]
    assert found(kept, Tagged("b")) == found(kept, Tagged("a")) == []


def test_what_is_refused_is_left_out(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "cat"), posted(ADA, 11, "cat dog"), posted(BOB, 12, "cat bird"))
    assert found(kept, word("cat"), excluded=(word("dog"), By(BOB))) == [10]
    assert found(kept, excluded=(word("dog"),)) == [12, 10]


def test_ids_bound_the_time(kept: Kept[SearchReader]) -> None:
    kept.say(*(posted(ADA, tweet_id, "cat") for tweet_id in (10, 20, 30)))
    assert found(kept, word("cat"), since_id=20) == [30, 20]
    assert found(kept, word("cat"), until_id=30) == [20, 10]


def test_pages_go_on_below_the_last_one_while_others_post(kept: Kept[SearchReader]) -> None:
    kept.say_at_once(*(posted(ADA, tweet_id, "cat") for tweet_id in range(10, 20)))
    first = kept.reader.tweets(Criteria((word("cat"),)), None, 4)
    kept.say(posted(BOB, 99, "cat"))
    second = kept.reader.tweets(Criteria((word("cat"),)), first[-1], 4)
    assert (first, second) == ([19, 18, 17, 16], [15, 14, 13, 12])


def test_a_deleted_tweet_is_not_found_even_if_it_is_posted_again(kept: Kept[SearchReader]) -> None:
    tweet = posted(ADA, 10, "cat")
    kept.say(tweet, TweetDeleted(envelope(), 10, ADA))
    assert found(kept, word("cat")) == []
    kept.say(tweet)
    assert found(kept, word("cat")) == []


def test_a_tweet_said_twice_is_found_once_and_a_retweet_never(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "cat"), posted(ADA, 10, "cat"), retweeted(BOB, 11, (10, ADA)))
    assert found(kept, word("cat")) == [10]


def test_words_of_the_engine_are_only_words(kept: Kept[SearchReader]) -> None:
    kept.say(posted(ADA, 10, "cats AND dogs NOT near OR words:every"))
    for text in ("and", "not", "near", "or", "every"):
        assert found(kept, word(text)) == [10]


def test_people_are_found_by_the_beginnings_of_their_names(kept: Kept[SearchReader]) -> None:
    kept.say(registered(1, "ada_l"), registered(2, "bob"), registered(3, "adam"))
    kept.say(ProfileEdited(envelope(), 2, display_name="Ada's Brother Bob"))
    assert kept.reader.people(["ada"], 9) == [1, 2, 3]
    assert kept.reader.people(["ada", "bro"], 9) == [2]
    assert kept.reader.people(["adam"], 9) == [3]
    assert kept.reader.people(["ada"], 2) == [1, 2]
    kept.say(ProfileEdited(envelope(), 2, display_name="Bob"))
    assert kept.reader.people(["bro"], 9) == []


TEXTS = st.lists(st.text("ab c", max_size=12), max_size=8)
PHRASES = st.lists(st.text("ab c", max_size=12), max_size=2)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=TEXTS, required=PHRASES, excluded=PHRASES)
def test_what_is_found_is_what_a_naive_search_finds(
    kept: Kept[SearchReader], texts: list[str], required: list[str], excluded: list[str]
) -> None:
    def holds(text: str, phrase: Phrase) -> bool:
        have, wanted = words(text), list(phrase.words)
        return any(have[at : at + len(wanted)] == wanted for at in range(len(have)))

    first = 1000 * kept.said  # each example has ids of its own
    wanted = [word(text) for text in required if words(text)]
    refused = [word(text) for text in excluded if words(text)]
    kept.say_at_once(*(posted(ADA, first + at, text) for at, text in enumerate(["", *texts])))
    naive = [
        first + at
        for at, text in enumerate(["", *texts])
        if all(holds(text, it) for it in wanted) and not any(holds(text, it) for it in refused)
    ]
    assert found(kept, *wanted, excluded=tuple(refused), since_id=first) == naive[::-1]


def test_an_erased_account_is_found_by_none_of_its_names(kept: Kept[SearchReader]) -> None:
    kept.say(registered(ADA, "ada"), registered(BOB, "adam"), ProfileEdited(envelope(), ADA, "Adalbert"))
    assert kept.reader.people(["ada"], 9) == [ADA, BOB]
    kept.say(AccountErased(envelope(), ADA))
    assert kept.reader.people(["ada"], 9) == [BOB]
    assert kept.reader.people(["adalbert"], 9) == []
