"""What every backend of media promises."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from projections.media.read_model import MediaReader, State, Use
from schemas.accounts.events import ProfileEdited
from schemas.media.events import MediaDescribed, MediaFailed
from schemas.media.paths import path_of
from schemas.tweets.events import TweetModerated
from tests.builders import EPOCH_MS, attachment, collected, deleted, envelope, posted, ready, uploaded
from tests.contract.backends import BACKENDS, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.tweets.events import TweetPosted

ADA, BOB = 1, 2
ONE, TWO, TWEET = 11, 12, 21
DAY_MS = 86_400_000


@pytest.fixture(params=BACKENDS["media"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept[MediaReader]]:
    with closing(Kept[MediaReader](BACKENDS["media"][request.param], tmp_path / "g1.db")) as it:
        yield it


def pictured(*media_ids: int) -> TweetPosted:
    return replace(posted(ADA, TWEET), media=[attachment(it) for it in media_ids], media_ids=list(media_ids))


def shows(media_id: int, at_ms: int = EPOCH_MS) -> ProfileEdited:
    url = path_of(media_id, f"{media_id:064x}.webp") if media_id else ""
    return ProfileEdited(envelope(at_ms, ADA), ADA, profile_image_url=url)


def test_an_upload_is_processed_until_it_is_ready_or_has_failed(kept: Kept[MediaReader]) -> None:
    kept.say(uploaded(ADA, ONE, "a bird"), uploaded(ADA, TWO))
    assert {it.state for it in kept.reader.many([ONE, TWO]).values()} == {State.PROCESSING}
    kept.say(ready(ADA, ONE, "video"), MediaFailed(envelope(), TWO, ADA, "too_long"))
    one, two = kept.reader.many([ONE])[ONE], kept.reader.many([TWO])[TWO]
    event = ready(ADA, ONE, "video")
    assert (one.state, one.kind, one.file, one.width, one.duration_ms) == (State.READY, "video", event.file, 400, 1000)
    assert (one.owner_id, one.content_type, one.size, one.alt_text) == (ADA, "image/jpeg", 1000, "a bird")
    assert (two.state, two.reason) == (State.FAILED, "too_long")
    assert kept.reader.many([99]) == {}


def test_what_was_said_last_of_what_is_to_be_seen_holds_also_where_the_upload_is_said_again(
    kept: Kept[MediaReader],
) -> None:
    kept.say(
        uploaded(ADA, ONE, "a bird"), MediaDescribed(envelope(), ONE, ADA, "two birds"), uploaded(ADA, ONE, "a bird")
    )
    assert kept.reader.many([ONE])[ONE].alt_text == "two birds"


def test_what_was_collected_is_told_with_its_time(kept: Kept[MediaReader]) -> None:
    kept.say(uploaded(ADA, ONE), collected(ADA, ONE, at_ms=EPOCH_MS + 5))
    assert kept.reader.many([ONE])[ONE].collected_at_ms == EPOCH_MS + 5


def test_a_use_tells_the_tweet_and_what_became_of_it(kept: Kept[MediaReader]) -> None:
    kept.say(uploaded(ADA, ONE), uploaded(ADA, TWO), pictured(ONE))
    assert kept.reader.uses([ONE, TWO]) == {ONE: Use(TWEET), TWO: Use()}
    kept.say(TweetModerated(envelope(), TWEET, ADA, hidden=True))
    assert kept.reader.uses([ONE])[ONE] == Use(TWEET, hidden=True)
    kept.say(TweetModerated(envelope(), TWEET, ADA, hidden=False), deleted(ADA, TWEET, EPOCH_MS + 9))
    assert kept.reader.uses([ONE])[ONE] == Use(TWEET, gone_at_ms=EPOCH_MS + 9)


def test_a_picture_is_used_until_another_takes_its_place(kept: Kept[MediaReader]) -> None:
    kept.say(uploaded(ADA, ONE), uploaded(ADA, TWO), shows(ONE))
    assert kept.reader.uses([ONE])[ONE].in_profile
    kept.say(shows(TWO))
    assert not kept.reader.uses([ONE])[ONE].in_profile
    kept.say(shows(0))
    assert not kept.reader.uses([TWO])[TWO].in_profile


def test_an_owners_media_come_newest_first_in_pages(kept: Kept[MediaReader]) -> None:
    kept.say(*(uploaded(ADA, it) for it in (ONE, TWO, 13)), uploaded(BOB, 14))
    assert kept.reader.of_owner(ADA, None, 2) == [13, TWO]
    assert kept.reader.of_owner(ADA, TWO, 2) == [ONE]
    assert kept.reader.of_owner(99, None, 2) == []


def test_due_is_what_was_uploaded_lost_its_tweet_or_was_replaced_in_that_time(kept: Kept[MediaReader]) -> None:
    then, later = EPOCH_MS, EPOCH_MS + 10 * DAY_MS
    kept.say(
        uploaded(ADA, ONE, at_ms=then), uploaded(ADA, TWO, at_ms=then), uploaded(BOB, 13, at_ms=later), pictured(ONE)
    )
    assert kept.reader.due(then, then + 1) == [ONE, TWO]
    assert kept.reader.due(later, later + 1) == [13]
    kept.say(deleted(ADA, TWEET, later))
    assert kept.reader.due(later, later + 1) == [ONE, 13]
    kept.say(shows(0, later))
    assert kept.reader.due(later, later + 1) == [ONE, TWO, 13]
    kept.say(collected(ADA, ONE))
    assert kept.reader.due(later, later + 1) == [TWO, 13]
