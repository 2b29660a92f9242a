"""Exports whose process is killed, for real and at many moments, go on from the part that stands."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from commands.privacy.shelf import Shelf
from infra.journal.port import Commit
from infra.objects.directory import DirectoryObjects
from infra.settings import Settings
from infra.sqlite.projection_store import generation_path
from projections.notifications.sqlite import SqliteNotificationsStore
from schemas.ids import from_uuid, to_uuid
from schemas.media.paths import key_of
from tests.builders import posted, ready, uploaded
from tests.command_world import command_world

ROOT = Path(__file__).parents[3]
TWEETS = 20_000
PART_BYTES = 2 << 20
MEDIA_BYTES = 5_000_000
AT_ONCE = 1_000
PATIENCE_SECONDS = 120
MANY = 100  # leases ahead: none of those that died holds any
MOST_GROWN_BYTES = 60 << 20  # a part of 2 MiB, a page, zlib, and what opening stores costs; all is 20 MB and more


class Leaver(NamedTuple):
    """A big account in a data folder, of which nothing runs."""

    folder: Path
    user_id: int
    tweet_ids: set[int]

    @property
    def job(self) -> Path:
        [job] = (it for it in self.exports.iterdir() if it.is_dir())
        return job

    @property
    def exports(self) -> Path:
        [folder] = (Settings(data_dir=self.folder).objects_dir / "bytes" / "exports").iterdir()
        return folder

    def steps(self) -> dict[str, tuple[int, bytes]]:
        """What stands: each step's file and bytes, with those of its part."""
        found = {}
        for step in self.job.glob("step-*") if any(it.is_dir() for it in self.exports.iterdir()) else ():
            part = self.job / json.loads(step.read_bytes())["part"]["name"]
            found[step.name] = (part.stat().st_ino, hashlib.sha256(step.read_bytes() + part.read_bytes()).digest())
        return found

    def run(self, leases: int, dies_before: int = 0) -> tuple[int, str]:
        command = [sys.executable, "-m", "tests.integration.privacy.exporter"]
        given = [self.folder, dies_before, leases, PART_BYTES]
        ended = subprocess.run(
            [*command, *map(str, given)], cwd=ROOT, timeout=PATIENCE_SECONDS, stdout=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
        return ended.returncode, ended.stdout


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Leaver:
    return asyncio.run(_planted(tmp_path_factory.mktemp("leaver")))


async def _planted(folder: Path) -> Leaver:
    async with command_world(folder, wait_ms=20_000) as world:
        services, next_id, random_bytes = world.services, world.services.next_id, random.Random(7).randbytes
        store = generation_path(services.settings.projections_dir, "notifications")
        SqliteNotificationsStore(store, world.projections._log.log_id).close()
        ada = await world.register("Ada", email="ada@example.org")
        user_id = from_uuid(ada.user_id) or 0
        ids = [next_id() for _ in range(TWEETS)]
        for at in range(0, TWEETS, AT_ONCE):
            said = tuple(posted(user_id, it, f"tweet {it} says this and that") for it in ids[at : at + AT_ONCE])
            await services.journal.commit(Commit(said, (), (), 200, b"{}", None))
            world.projections.catch_up()
        assert services.media is not None
        for media_id in (next_id(), next_id()):
            both = (uploaded(user_id, media_id), ready(user_id, media_id))
            await services.journal.commit(Commit(both, (), (), 200, b"{}", None))
            for name in (f"{media_id:064x}.jpg", f"{media_id:064x}.webp"):
                content = random_bytes(MEDIA_BYTES if name.endswith("jpg") else 900)
                services.media.objects.put(key_of(media_id, name), io.BytesIO(content), len(content))
        world.projections.catch_up()
        assert (await ada.call("GET", "/users/me/export")).json()["status"] == "preparing"
    return Leaver(folder, user_id, set(ids))


@pytest.fixture
def leaver(template: Leaver, tmp_path: Path) -> Leaver:
    return template._replace(folder=Path(shutil.copytree(template.folder, tmp_path / "data")))


def check(leaver: Leaver) -> None:
    """Hold an export to its manifest, and to what the account has."""
    shelf = Shelf(DirectoryObjects(Settings(data_dir=leaver.folder).objects_dir))
    done = shelf.done(leaver.user_id)
    assert done is not None
    with shelf.open(leaver.user_id, 0, done.bytes) as source:
        whole = source.read()
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (done.bytes, done.sha256)
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        assert packed.testzip() is None
        files = {it["name"]: it for it in json.loads(packed.read("manifest.json"))["files"]}
        assert files.keys() == set(packed.namelist()) - {"manifest.json"}
        for name, it in files.items():
            content = packed.read(name)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (it["bytes"], it["sha256"]), name
        tweets = [json.loads(it)["tweet_id"] for it in packed.read("tweets.jsonl").splitlines()]
    assert tweets == sorted(map(to_uuid, leaver.tweet_ids), reverse=True)
    assert [files[it]["records"] for it in ("tweets.jsonl", "media.jsonl", "account.jsonl")] == [TWEETS, 2, 1]
    assert sum(name.startswith("media/") for name in files) == 4
    assert {it.name for it in leaver.job.iterdir()} >= {it.name for it in done.parts}


def test_an_export_that_is_killed_again_and_again_goes_on_from_the_parts_that_stand(leaver: Leaver) -> None:
    stands: dict[str, tuple[int, bytes]] = {}
    moments = itertools.chain((2, 3), itertools.repeat(8))  # the first part, its step; then three parts at a time
    for leases, dies_before in enumerate(moments):
        code, _ = leaver.run(leases, dies_before)
        if code == 0 or (leaver.exports / "done.json").exists():
            break
        assert code == -signal.SIGKILL
        now = leaver.steps()
        assert now.items() >= stands.items()
        assert dies_before < 8 or len(now) > len(stands)
        stands = now
    assert len(stands) > 4
    assert leaver.run(MANY)[0] == 0
    check(leaver)


def test_what_is_not_what_it_was_is_made_again_and_memory_stays_bounded(leaver: Leaver) -> None:
    assert leaver.run(0, 9)[0] == -signal.SIGKILL
    before = leaver.steps()
    assert len(before) == 3
    part = leaver.job / json.loads((leaver.job / "step-000002.json").read_bytes())["part"]["name"]
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)
    code, told = leaver.run(1, 5)
    assert code == -signal.SIGKILL
    kept = leaver.steps().items() & before.items()
    assert {name for name, _ in kept} == {"step-000001.json"}
    code, told = leaver.run(2)
    made, grown = map(int, told.split())
    assert (code, made) == (0, 1)
    assert grown < MOST_GROWN_BYTES
    check(leaver)
