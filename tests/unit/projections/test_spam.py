"""The spam score: what its parts see, and what it finds in a labelled town."""

from __future__ import annotations

from collections import defaultdict

import pytest

from projections.spam.features import alike, hosts, signature
from projections.spam.keeping import NEW, Author, folded, pack, unpack
from projections.spam.projector import project
from projections.spam.scoring import FEWEST, WINDOW, Seen, remembered, score
from schemas.ids import first_id_at
from tests.builders import EPOCH_MS
from tests.spam_town import DAY_MS, WORDS, Somebody, town

NEWBORN = first_id_at(EPOCH_MS)
AGED = first_id_at(EPOCH_MS - 100 * DAY_MS)
THRESHOLD = 4
"""Tenths: the setting's default."""


def posts(count: int, text: str = "a b c d e", host: str = "", apart_ms: int = 60_000) -> tuple[Seen, ...]:
    linked = (host,) if host else ()
    return tuple(
        Seen(n, EPOCH_MS + n * apart_ms, signature(text.replace("*", WORDS[n % len(WORDS)])), linked, ())
        for n in range(count)
    )


def test_texts_are_alike_whatever_their_links_names_and_numbers() -> None:
    one = signature("Win a phone now, hurry up @ann https://x.example/1 1234")
    assert alike(one, signature("win a PHONE now hurry up @bob https://y.example/2 99"))
    assert not alike(one, signature("the garden is green and the river is deep today"))
    assert not alike(signature("https://x.example"), signature("@ann"))


def test_most_of_a_long_text_is_enough() -> None:
    text = "this is a rather long text about an offer that nobody would want to miss at all today my friends"
    assert alike(signature(text), signature(f"{text} hurry"))


def test_hosts_are_told_without_their_paths() -> None:
    assert hosts(["https://www.Example.org/a", "example.org/b", "http://[bad", "x.example"]) == (
        "example.org",
        "x.example",
    )


def test_little_is_nothing() -> None:
    assert score(NEWBORN, posts(FEWEST - 1, host="x.example")).total == 0


@pytest.mark.parametrize(
    ("part", "window"),
    [
        ("repeats", posts(10)),
        ("links", posts(10, "* other * again *", "x.example", DAY_MS // 24)),
        ("rate", posts(20, "* other * again *", apart_ms=1_000)),
    ],
)
def test_a_part_sees_what_it_is_named_for(part: str, window: tuple[Seen, ...]) -> None:
    assert score(NEWBORN, window).parts[part] == 1


def test_an_old_account_keeps_a_share_of_its_score() -> None:
    window = posts(10, host="x.example")
    assert score(AGED, window).total == pytest.approx(0.6 * score(NEWBORN, window).total, rel=1e-3)


def test_what_is_remembered_is_bounded_and_of_one_day() -> None:
    window: tuple[Seen, ...] = ()
    for seen in posts(100):
        window = remembered(window, seen)
    assert len(window) == WINDOW
    late = Seen(0, EPOCH_MS + 2 * DAY_MS, (), (), ())
    assert remembered(window, late) == (late,)
    assert len(pack(Author(window))) < 4_000


def test_what_is_kept_comes_back_as_it_was() -> None:
    author = folded(NEWBORN, NEW, posts(20, host="x.example"))
    assert unpack(pack(author)) == author
    assert author.at(3) == author.at(5) == EPOCH_MS + 19 * 60_000
    assert folded(NEWBORN, unpack(pack(folded(NEWBORN, NEW, posts(20)[:7]))), posts(20)[7:]) == folded(
        NEWBORN, NEW, posts(20)
    )


def test_a_tweet_that_is_said_again_changes_nothing() -> None:
    once = folded(NEWBORN, NEW, posts(9))
    assert folded(NEWBORN, once, posts(9)[-3:]) == once


def is_flagged(who: Somebody) -> bool:
    author = folded(who.user_id, NEW, (it.seen for it in project(list(who.events())) if it.seen))
    return author.at(THRESHOLD) > 0


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[int, int]]:
    """Of each kind of account, how many are flagged, of how many."""
    counted: defaultdict[str, list[bool]] = defaultdict(list)
    for who in town(seed=7):
        counted[who.kind].append(is_flagged(who))
    return {kind: (sum(flags), len(flags)) for kind, flags in counted.items()}


def test_precision_and_recall_are_what_the_documentation_says(found: dict[str, tuple[int, int]]) -> None:
    spam = {who.kind for who in town(seed=7) if who.is_spam}
    right = sum(flagged for kind, (flagged, _) in found.items() if kind in spam)
    wrong = sum(flagged for kind, (flagged, _) in found.items() if kind not in spam)
    there = sum(many for kind, (_, many) in found.items() if kind in spam)
    assert right / (right + wrong) >= 0.88
    assert right / there >= 0.92


@pytest.mark.parametrize("kind", ["chatter", "news bot", "young news bot", "greeter", "fan", "newcomer", "chat"])
def test_who_only_looks_like_spam_is_not_flagged(kind: str, found: dict[str, tuple[int, int]]) -> None:
    flagged, many = found[kind]
    assert flagged <= many // 20
