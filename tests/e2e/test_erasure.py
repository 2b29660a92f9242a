"""Fifty canaries that one account planted are found nowhere once it is erased; replay works, and brings none back."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.clock import SystemClock, rfc3339
from infra.log.embedded import EmbeddedLogReader, open_appender
from infra.log.port import Record
from schemas.catalogue import TWEETS
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.ids import from_uuid
from schemas.operations.events import DeadLettered
from tests.e2e.canaries import Canaries
from tests.e2e.people import PASSWORD
from tests.e2e.system import System
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTS = 36
SHAPES = ("{}", "#{} is what they call it", "see https://example.org/{}", "a 🐦 and {} beside it")
ENOUGH = 50
REPLAY_SECONDS = 180.0


class Writer:
    """The account that is going to leave, and what it plants."""

    def __init__(self, system: System, client: httpx.Client, canaries: Canaries) -> None:
        self.system, self.client, self.canaries = system, client, canaries
        self.username = canaries.new("username")
        new = canaries.new
        body = {"username": self.username, "password": PASSWORD, "display_name": new("display name"),
                "email": new("address", "{}@example.org"), "bio": new("bio"), "location": new("location")}  # fmt: skip
        registered = self.send("POST", "/auth/register", body, {"User-Agent": new("agent")})
        self.user_id: str = registered["user"]["user_id"]
        self.headers = {"Authorization": f"Bearer {registered['access_token']}"}

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        headers = headers or self.headers
        answer = self.client.request(method, f"{self.system.commands}/api/v1{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def plant(self, other: str) -> None:
        new = self.canaries.new
        edited = {"display_name": new("second name"), "bio": new("second bio"), "location": new("second location"),
                  "profile_image_url": new("picture", "https://example.org/{}.png"),
                  "banner_image_url": new("banner", "https://example.org/{}.png")}  # fmt: skip
        self.send("PATCH", "/users/me", edited)
        for number in range(POSTS):
            self.post(new("tweet", SHAPES[number % len(SHAPES)]))
        self.post(new("answer of a key"), Idempotency_Key=new("key"))
        self.post(new("reply"), reply_to_tweet_id=other)
        self.post(new("quote"), quoted_tweet_id=other)
        self.send("POST", "/reports", {"tweet_id": other, "reason": "spam", "comment": new("report")})
        app = {"name": new("app"), "redirect_uris": [new("redirect", "https://{}.example.org/back")]}
        self.send("POST", "/oauth/apps", app)
        gone = self.post(new("deleted tweet"))
        self.send("DELETE", f"/tweets/{gone}")
        for kind in ("like", "bookmark", "retweet"):
            self.send("POST", f"/tweets/{other}/{kind}")

    def post(self, content: str, Idempotency_Key: str = "", **more: str) -> str:  # noqa: N803 - a header's name
        headers = {**self.headers, **({"Idempotency-Key": Idempotency_Key} if Idempotency_Key else {})}
        tweet_id: str = self.send("POST", "/tweets", {"content": content, **more}, headers)["tweet_id"]
        return tweet_id

    def export(self) -> str:
        """Take all of it along; return the folder in which the export waits."""
        until(lambda: self.send("GET", "/users/me/export")["status"] == "ready")
        told = self.send("GET", "/users/me/export")
        raw = self.client.get(f"{self.system.commands}{told['download']}", headers=self.headers).content
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (told["bytes"], told["sha256"])
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            manifest = json.loads(packed.read("manifest.json"))
            for it in manifest["files"]:
                assert hashlib.sha256(packed.read(it["name"])).hexdigest() == it["sha256"], it["name"]
            records = {it["name"]: it["records"] for it in manifest["files"]}
            kept = b"".join(packed.read(name) for name in packed.namelist()).decode()
        assert (records["tweets.jsonl"], records["likes.jsonl"], records["bookmarks.jsonl"]) == (POSTS + 4, 1, 1)
        for where, canary in self.canaries.planted.items():
            assert canary in kept or where.startswith(("display", "bio", "location", "deleted", "key", "report")), where
        return f"objects/bytes/exports/{self.user_id}/"

    def bury(self) -> None:
        """Leave dead letters of two of its records, as a projection would that could not apply them."""
        user_id = from_uuid(self.user_id)
        with closing(EmbeddedLogReader(self.system.data / "log")) as log:
            records = [
                (partition, offset, value)
                for partition in range(log.partitions(TWEETS))
                if (batch := log.read(TWEETS, partition, 0, 1_000))
                for offset, (key, value) in enumerate(zip(batch.keys, batch.values, strict=True))
                if key == user_id
            ]
        letters = [
            DeadLettered(Envelope(7, 1, 0), "search", TWEETS, partition, offset, "refused", value)
            for partition, offset, value in records[:2]
        ]
        with closing(open_appender(self.system.data / "log", "derived", {})) as derived:
            derived.append_blocking([Record(*topic_and_key(it), encode(it)) for it in letters])


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("erasure")) as running:
        yield running


def register(system: System, client: httpx.Client, username: str) -> dict[str, str]:
    body = {"username": username, "password": PASSWORD}
    answer = client.post(f"{system.commands}/api/v1/auth/register", json=body)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def murmur(system: System, *arguments: str) -> str:
    ended = system.murmur(*arguments, timeout=REPLAY_SECONDS)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


def test_what_an_account_planted_is_found_nowhere_after_it_was_erased(system: System) -> None:
    canaries = Canaries()
    with httpx.Client(timeout=30) as client:
        stays = register(system, client, "stays")
        base = f"{system.commands}/api/v1"
        other = client.post(f"{base}/tweets", json={"content": "I stay"}, headers=stays).json()["tweet_id"]
        writer = Writer(system, client, canaries)
        writer.plant(other)
        assert len(canaries.planted) >= ENOUGH
        client.post(f"{base}/users/{writer.user_id}/follow", headers=stays)
        for path in ("/users/by-username/", "/search/users?q=", "/search/tweets?q="):
            client.get(f"{system.query}/api/v1{path}{writer.username}", headers=writer.headers)
        writer.bury()
        system.wait_until_caught_up()
        murmur(system, "archive", "run", "--now")
        exported = writer.export()
        murmur(system, "replay", "tweets", "--until", rfc3339(SystemClock().now_ms()))

        before = canaries.found_in(system.data)
        planted = {where for where in canaries.planted if not re.match("address|deleted|key", where)}
        assert planted <= before.keys(), planted - before.keys()
        in_objects = {name for names in before.values() for name in names if name.startswith("objects")}
        assert {name.startswith(exported) for name in in_objects} == {True}

        told = json.loads(murmur(system, "users", "erase", writer.username, "--now"))
        assert (told["erased"], told["remains"]) == (True, [])
        assert canaries.found_in(system.data) == {}

        account, tweet = (f"{system.query}/api/v1/{it}" for it in (f"users/{writer.user_id}", f"tweets/{other}"))
        until(lambda: client.get(account, headers=stays).status_code == 404)
        until(lambda: client.get(tweet, headers=stays).json()["likes_count"] == 0)
        murmur(system, "replay", "all")
        system.wait_until_caught_up()
        assert canaries.found_in(system.data) == {}
        murmur(system, "log", "verify")
