"""What is personal in an event stands on the log under its account's key only, and not at all without it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from infra.auth.data_keys import DataKey, SqliteDataKeys
from infra.auth.personal_data import new_key
from infra.auth.seals import KEPT_SECONDS, ErasedAccountError, KeptSeals
from schemas import codec
from schemas.accounts.events import AccountRegistered, ProfileEdited
from schemas.codec import DecodeError, decode, encode
from schemas.envelope import Envelope
from schemas.sealing import SealsAwayError
from schemas.tweets.events import Attachment, Mention, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.envelope import Event

WRAPPING_KEY = new_key()
ENVELOPE = Envelope(7, 1_000, 5)
MEDIA = Attachment(11, "image", "secret.webp", "image/webp", 3, 4, alt_text="secret view")
TWEET = TweetPosted(
    ENVELOPE, 9, 5, "secret #secret", 9,
    hashtags=["secret"], mentions=[Mention(6, "secret")], urls=["http://secret"],
    media_ids=[11], place=44, media=[MEDIA],
)  # fmt: skip
PERSONAL: tuple[Event, ...] = (
    TWEET,
    AccountRegistered(ENVELOPE, 5, "secret", "secret", b"", "secret", "secret", "secret", "secret"),
    ProfileEdited(ENVELOPE, 5, "secret", None, "", "secret", "secret"),
)


class World:
    """A store of keys, and the seals of several processes over it."""

    def __init__(self, path: Path) -> None:
        self.keys = SqliteDataKeys(path, writes=True)
        self.seconds = 0.0
        self.seals = self.process()

    def process(self) -> KeptSeals:
        return KeptSeals(self.keys, WRAPPING_KEY, lambda: self.seconds)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "credentials.db")
    with closing(world.keys):
        codec.open_with(world.seals)
        yield world
        codec.open_with(None)


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_said_while_there_is_the_key(world: World, event: Event) -> None:
    value = encode(event, world.seals)
    assert b"secret" not in value
    assert decode(value) == event


def test_without_the_key_the_ids_stand_and_nothing_personal_does(world: World) -> None:
    values = [encode(event, world.seals) for event in PERSONAL]
    world.seals.destroy(5)
    posted, registered, edited = map(decode, values)
    assert isinstance(posted, TweetPosted)
    assert posted.mentions == [Mention(6, "")]
    assert (posted.tweet_id, posted.author_id, posted.media_ids, posted.place) == (9, 5, [11], 1)
    assert (posted.content, posted.hashtags, posted.urls, posted.media) == ("", [""], [], [])
    assert isinstance(registered, AccountRegistered)
    assert registered.user_id == 5
    assert registered.username == registered.bio == registered.location == ""
    assert isinstance(edited, ProfileEdited)
    assert edited.display_name is edited.bio is edited.location is None
    assert posted.sealed
    assert encode(posted) == values[0]


def test_a_process_that_has_no_keys_reads_the_same_as_after_an_erasure(world: World) -> None:
    value = encode(TWEET, world.seals)
    codec.open_with(None)
    unopened = decode(value)
    codec.open_with(world.seals)
    world.seals.destroy(5)
    assert decode(value) == unopened


def test_another_process_forgets_a_destroyed_key_within_its_time(world: World) -> None:
    value, other = encode(TWEET, world.seals), world.process()
    codec.open_with(other)
    assert decode(value) == TWEET
    world.seals.destroy(5)
    world.seconds += KEPT_SECONDS
    assert decode(value) != TWEET


def test_nothing_is_sealed_for_an_account_whose_key_was_destroyed(world: World) -> None:
    world.seals.destroy(5)
    with pytest.raises(ErasedAccountError):
        encode(TWEET, world.seals)
    world.seals.begin(5)
    with pytest.raises(ErasedAccountError):
        encode(TWEET, world.process())


def test_a_seal_without_any_trace_of_its_key_is_not_taken_for_an_erased_one(world: World, tmp_path: Path) -> None:
    value = encode(TWEET, world.seals)
    with closing(SqliteDataKeys(tmp_path / "other.db", writes=True)) as other:
        other.make(6, DataKey(b"x" * 32))
        codec.open_with(KeptSeals(other, WRAPPING_KEY))
        with pytest.raises(SealsAwayError):
            decode(value)
    codec.open_with(KeptSeals(SqliteDataKeys(tmp_path / "none.db"), WRAPPING_KEY))
    with pytest.raises(SealsAwayError):
        decode(value)


def test_what_was_never_sealed_is_read_where_there_is_no_store_of_keys_at_all(world: World, tmp_path: Path) -> None:
    value = encode(TWEET)
    codec.open_with(KeptSeals(SqliteDataKeys(tmp_path / "none.db"), WRAPPING_KEY))
    codec.expect("tweets", (5, 6))
    assert decode(value) == TWEET
    codec.open_with(world.seals)


def test_a_seal_opens_in_its_own_event_only_and_a_flipped_bit_is_an_error(world: World) -> None:
    sealed = encode(TWEET, world.seals)
    codec.open_with(None)
    blob = decode(sealed)
    codec.open_with(world.seals)
    assert isinstance(blob, TweetPosted)
    moved = TweetPosted(Envelope(8, 1_000, 5), 9, 5, "", 9, sealed=blob.sealed)
    for value in (encode(moved), sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(DecodeError):
            decode(value)


def test_old_and_imported_records_are_read_as_they_stand(world: World) -> None:
    world.keys.make(6, DataKey(b"x" * 32))
    assert decode(encode(TWEET)) == TWEET
    assert world.keys.find([5]) == {}


def test_the_address_of_a_new_account_is_read_by_its_key(world: World) -> None:
    sealed = world.seals.begin(5, "ada@example.org")
    assert world.process().address(5, sealed) == "ada@example.org"
    world.seals.destroy(5)
    assert world.seals.address(5, sealed) is None


def test_a_destroyed_key_is_not_in_the_file_any_more(world: World, tmp_path: Path) -> None:
    world.seals.begin(5)
    (kept,) = world.keys.find([5]).values()
    assert kept.wrapped is not None
    world.seals.destroy(5)
    assert not any(kept.wrapped in path.read_bytes() for path in tmp_path.iterdir())
