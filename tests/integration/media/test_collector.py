"""What nothing has any more is collected, and its bytes are deleted; what something has stays."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from commands.media.collector import Collector
from schemas.media.events import MediaCollected
from schemas.media.paths import key_of, upload_key
from tests.media_world import MediaWorld, media_world
from tests.pictures import image_file
from tests.waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from infra.media.decoder import Decoder

HOUR_MS = 3_600_000


class Ahead:
    """A clock that can be set forward; objects keep the machine's time."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        self.ms += 1
        return self.ms


async def collected(world: MediaWorld, *, dry_run: bool = False) -> list[tuple[str, str]]:
    found = await Collector(world.commands.services).round(days=30, dry_run=dry_run, thorough=True)
    assert not found.behind
    return sorted((it.reason, str(it.media_id)) for it in found.media)


async def test_what_nothing_has_goes_after_a_day_and_what_something_has_stays(tmp_path: Path, decoder: Decoder) -> None:
    clock = Ahead()
    async with media_world(tmp_path, decoder, clock) as world:
        ada = await world.register()
        loose, attached, deleted, shown, replaced, failed = [
            await world.settled(ada, await world.upload(ada, content))
            for content in [*[image_file()] * 5, b"\xff\xd8\xff" + b"x" * 99]
        ]
        assert failed["status"] == "failed"
        await ada.call("POST", "/tweets", {"content": "a", "media_ids": [attached["media_id"]]})
        gone = (await ada.call("POST", "/tweets", {"content": "b", "media_ids": [deleted["media_id"]]})).json()
        for it in (replaced, shown):
            edited = await ada.call("PATCH", "/users/me", {"profile_image_id": it["media_id"]})
            assert edited.status_code == 200, edited.text
        await ada.call("DELETE", f"/tweets/{gone['tweet_id']}")
        assert await collected(world) == []
        assert (await world.get(deleted["url"])).status_code == 404, "at once, though its bytes are kept a while"

        clock.ms += 2 * HOUR_MS
        assert [reason for reason, _ in await collected(world, dry_run=True)] == ["deleted"]
        assert world.commands.count(MediaCollected) == 0
        assert [reason for reason, _ in await collected(world)] == ["deleted"]
        clock.ms += 24 * HOUR_MS
        assert [reason for reason, _ in await collected(world)] == ["failed", "replaced", "unattached"]
        assert await collected(world) == []

        def left() -> set[str]:
            return {key.split("/")[1] for key in world.keys("media/")}

        await soon(lambda: left() == {attached["media_id"], shown["media_id"]})
        assert (await world.get(loose["url"])).status_code == 404
        assert (await world.get(attached["url"])).status_code == 200


async def test_objects_that_belong_to_nothing_are_found(tmp_path: Path, decoder: Decoder) -> None:
    clock = Ahead()
    async with media_world(tmp_path, decoder, clock) as world:
        stray = world.commands.services.next_id()
        for key in (upload_key(stray), key_of(stray, "0" * 64 + ".webp")):
            world.objects.put(key, io.BytesIO(b"stray"), 5)
        collector = Collector(world.commands.services)
        young = await collector.round(thorough=True)
        assert young.objects == ()
        clock.ms = max(it.modified_ms for it in world.objects.list()) + 25 * HOUR_MS
        told = await collector.round(dry_run=True, thorough=True)
        assert len(told.objects) == len(world.keys()) == 2
        assert len((await collector.round()).objects) == 1, "a round looks at uploads alone"
        assert len((await collector.round(thorough=True)).objects) == 1
        assert world.keys() == []


async def test_what_is_just_being_attached_is_not_collected(tmp_path: Path, decoder: Decoder) -> None:
    clock = Ahead()
    async with media_world(tmp_path, decoder, clock) as world:
        ada = await world.register()
        told = await world.uploaded(ada, image_file())
        world.commands.projections.running.clear()  # the model does not hear of the tweet
        posted = await ada.call("POST", "/tweets", {"content": "a", "media_ids": [told["media_id"]]})
        assert posted.status_code == 201, posted.text
        clock.ms += 25 * HOUR_MS
        assert Collector(world.commands.services)._due(30) == []
        world.commands.projections.running.set()
