"""What may be typed into the search box, and where it goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.search.read_model import HasMedia, Phrase, Tagged
from query_api.search.grammar import MAX_ATOMS, MAX_QUERY_CHARS, InvalidQueryError, Named, parse
from schemas.ids import MAX_ID, first_id_at

DAY_MS = 86_400_000
FIRST_OF_JULY_MS = 1_467_331_200_000


@pytest.mark.parametrize(
    ("text", "required", "excluded"),
    [
        ("cat", (Phrase(("cat",)),), ()),
        ("Cat CAFÉ", (Phrase(("cat",)), Phrase(("cafe",))), ()),
        ('"The Quick fox"', (Phrase(("the", "quick", "fox")),), ()),
        ("don't", (Phrase(("don", "t")),), ()),
        ("#Higgs", (Tagged("higgs"),), ()),
        ("\uff03Higgs", (Tagged("higgs"),), ()),
        ("@Ada", (Named("@", "ada"),), ()),
        ("from:Ada to:@bob", (Named("from", "ada"), Named("to", "bob")), ()),
        ("has:media -dog", (HasMedia(),), (Phrase(("dog",)),)),
        ('-"bad dog" -#spam -from:eve', (), (Phrase(("bad", "dog")), Tagged("spam"), Named("from", "eve"))),
        ("https://example.org/a", (Phrase(("https", "example", "org", "a")),), ()),
        ("猫カフェ", (Phrase(("猫", "カ", "フ", "ェ")),), ()),
        ('one"two three"four', (Phrase(("one",)), Phrase(("two", "three")), Phrase(("four",))), ()),
        ("  cat  ", (Phrase(("cat",)),), ()),
    ],
)
def test_a_query_is_read_into_a_tree(text: str, required: tuple[object, ...], excluded: tuple[object, ...]) -> None:
    parsed = parse(text)
    assert (parsed.required, parsed.excluded) == (required, excluded)


def test_days_and_times_bound_the_ids() -> None:
    parsed = parse("cat since:2016-07-01 until:2016-07-02T00:00:00Z")
    assert parsed.since_id == first_id_at(FIRST_OF_JULY_MS)
    assert parsed.until_id == first_id_at(FIRST_OF_JULY_MS + DAY_MS)
    assert parse("cat").until_id == MAX_ID
    assert parse("a since:2016-07-01 since:2016-07-02").since_id == first_id_at(FIRST_OF_JULY_MS + DAY_MS)


def test_likes_are_a_number() -> None:
    assert parse("cat min_likes:10").min_likes == 10


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("   ", 0),
        ('cat "dog', 4),
        ('"', 0),
        ("cat !!!", 4),
        ('""', 0),
        ("-", 0),
        ("from:", 5),
        ("cat from:not-a-name", 9),
        ("has:video", 4),
        ("cat since:yesterday", 10),
        ("since:2016-13-01", 6),
        ("min_likes:many", 10),
        ("min_likes:-1", 10),
        ("cat -since:2016-07-01", 5),
        ("#", 1),
        ("#a.b", 1),
        ("x" * (MAX_QUERY_CHARS + 1), MAX_QUERY_CHARS),
        (" ".join(["a"] * (MAX_ATOMS + 1)), 2 * MAX_ATOMS),
    ],
)
def test_a_broken_query_says_where(text: str, position: int) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        parse(text)
    assert refused.value.position == position


@given(st.text(max_size=80) | st.text('ab"-:#@ \t', max_size=40))
def test_whatever_is_typed_is_read_or_refused_within_the_text(text: str) -> None:
    position = 0
    try:
        parse(text)
    except InvalidQueryError as refused:
        position = refused.position
    assert 0 <= position <= len(text)
