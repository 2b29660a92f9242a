"""An account is closed at once, its owner may come back for a while, and then nothing personal is left of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from commands.media.promises import PROMISED, SENT, sent_key
from commands.privacy.erasure import Erasure
from infra.erasing.files import FileCopies
from infra.journal.port import Commit
from schemas.accounts.events import AccountDeactivated, AccountErased, AccountReactivated, AccountRegistered
from schemas.envelope import Envelope
from schemas.ids import from_uuid
from schemas.media.events import MediaReady, MediaUploaded
from schemas.media.paths import key_of, upload_key
from schemas.tweets.events import TweetDeleted, TweetPosted
from tests.command_world import PASSWORD, command_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from tests.command_world import User, World


class Copies(FileCopies):
    """Read models of a test: those that there are pass by themselves."""

    def behind(self, positions: object) -> list[str]:
        del positions
        return []

    def scrub(self) -> list[str]:
        return []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with command_world(tmp_path, wait_ms=20_000) as opened:
        yield opened


async def log_in(world: World, name: str) -> httpx.Response:
    return await world.client.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})


async def erased(world: World, user: User) -> None:
    user_id = from_uuid(user.user_id)
    assert user_id is not None
    services = world.services
    object.__setattr__(services, "privacy", services.privacy._replace(copies=Copies(services.settings)))
    assert await Erasure(services).erase(user_id, now=True) == ((), ())
    world.projections.catch_up()  # none is waited for here


async def test_a_closed_account_has_no_sessions_and_comes_back_by_logging_in(world: World) -> None:
    ada = await world.register("Ada")
    answer = await ada.call("DELETE", "/users/me", {"password": PASSWORD})
    assert (answer.status_code, answer.json()["status"]) == (200, "DELETED")
    assert (await ada.call("POST", "/tweets", {"content": "still here?"})).status_code == 401
    assert (world.count(AccountDeactivated), world.count(AccountReactivated)) == (1, 0)
    back = await log_in(world, "ada")
    assert (back.status_code, back.json()["user"]["status"]) == (200, "ACTIVE")
    assert world.count(AccountReactivated) == 1
    assert world.services.privacy.departures.due(1 << 62, 10) == []


async def test_leaving_takes_the_password_or_a_log_in_of_just_now(world: World) -> None:
    ada = await world.register("Ada")
    wrong = await ada.call("DELETE", "/users/me", {"password": "another one"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password_wrong")
    assert (await ada.call("DELETE", "/users/me")).status_code == 200


async def test_an_erased_account_leaves_ids_and_nothing_it_said(world: World) -> None:
    ada, bob = await world.register("Ada", bio="bio-canary", email="ada@canary.example"), await world.register("bob")
    await ada.post("tweet-canary #tagcanary @bob")
    await ada.call("POST", f"/users/{bob.user_id}/follow")
    await bob.call("POST", f"/users/{ada.user_id}/follow")
    kept = await bob.post("stays")
    await ada.call("POST", f"/tweets/{kept}/like")
    await ada.call("POST", f"/tweets/{kept}/bookmark")
    await erased(world, ada)
    registered = [it for it in world.events() if isinstance(it, AccountRegistered)]
    assert sorted(it.username for it in registered) == ["", "bob"]
    posted = [it for it in world.events() if isinstance(it, TweetPosted)]
    assert sorted(it.content for it in posted) == ["", "stays"]
    assert (world.count(TweetDeleted), world.count(AccountErased)) == (1, 1)
    ada_id, bob_id = from_uuid(ada.user_id), from_uuid(bob.user_id)
    assert ada_id is not None
    assert bob_id is not None
    views = world.services.views
    assert views.tweets.by_author(ada_id, None, 10) == []
    assert views.graph.followers(bob_id, None, 10) == views.graph.following(bob_id, None, 10) == []
    assert views.engagement.likes(ada_id, 0, 10) == []
    assert views.accounts.many([ada_id])[ada_id].username == ""


async def test_a_name_of_an_erased_account_is_not_given_again_and_its_address_is(world: World) -> None:
    ada = await world.register("Ada", email="ada@example.org")
    await erased(world, ada)
    assert (await log_in(world, "Ada")).status_code == 401
    body = {"username": "aDA", "password": PASSWORD, "email": "other@example.org"}
    refused = await world.client.post("/api/v1/auth/register", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "username_taken")
    assert (await world.register("Another", email="ada@example.org")).username == "Another"


async def test_an_erasure_that_comes_again_says_nothing_more(world: World) -> None:
    ada = await world.register("Ada")
    await ada.post("one")
    await erased(world, ada)
    before = world.count(TweetDeleted), world.count(AccountErased)
    await erased(world, ada)
    assert (world.count(TweetDeleted), world.count(AccountErased)) == before


async def test_only_those_whose_time_has_come_and_who_are_closed_are_erased(world: World) -> None:
    ada = await world.register("Ada")
    await ada.call("DELETE", "/users/me", {"password": PASSWORD})
    assert await Erasure(world.services).round() == 0
    bob = await world.register("bob")
    bob_id = from_uuid(bob.user_id)
    assert bob_id is not None
    world.services.privacy.departures.note(bob_id, 0)  # noted, and its process died before it was closed
    await Erasure(world.services).round()
    assert world.count(AccountErased) == 0
    assert (await log_in(world, "bob")).status_code == 200


async def test_media_of_an_erased_account_are_deleted_and_what_was_said_of_them(world: World) -> None:
    ada = await world.register("Ada")
    ada_id, media_id = from_uuid(ada.user_id) or 0, world.services.next_id()
    media = world.services.media
    assert media is not None
    file = f"{'0' * 64}.webp"
    for key in (upload_key(media_id), key_of(media_id, file)):
        media.objects.put(key, io.BytesIO(b"seen"), 4)
    envelope = Envelope(world.services.next_id(), 1, ada_id)
    said = (
        MediaUploaded(envelope, media_id, ada_id, "image/png", 4, "digest", "alt canary"),
        MediaReady(envelope, media_id, ada_id, "image", file, "image/webp", 4, 1, 1, "blur canary"),
    )
    await world.services.journal.commit(Commit(said, (), (), 200, b"", None))
    world.projections.catch_up()
    assert world.services.views.media.of_owner(ada_id, None, 9) == [media_id]
    await erased(world, ada)
    assert [it.key for it in media.objects.list("media/")] == [it.key for it in media.objects.list("uploads/")] == []
    (uploaded,) = [it for it in world.events() if isinstance(it, MediaUploaded)]
    assert (uploaded.alt_text, uploaded.sha256) == ("", "")
    row = world.services.views.media.many([media_id])[media_id]
    assert (row.alt_text, row.file, row.blurhash, bool(row.collected_at_ms)) == ("", "", "", True)


async def test_an_upload_that_an_erased_account_announced_is_deleted_with_its_text(world: World) -> None:
    ada, bob = await world.register("Ada"), await world.register("bob")
    media = world.services.media
    assert media is not None
    for user in (ada, bob):
        announcement = {"type": "image/png", "bytes": 4, "alt_text": "alt canary"}
        told = (await user.call("POST", "/media/uploads", announcement)).json()
        media.objects.put(sent_key(from_uuid(told["media_id"]) or 0), io.BytesIO(b"seen"), 4)
    await erased(world, ada)
    kept = [it.key for prefix in (PROMISED, SENT) for it in media.objects.list(prefix)]
    assert kept == [f"{PROMISED}{bob.user_id}/{told['media_id']}", f"{SENT}{told['media_id']}"]
