"""An account that is going to leave: it plants a canary in every field it can write, and knows where they show."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import zipfile
from typing import TYPE_CHECKING, Any

from PIL import Image

from infra.log.port import Record
from schemas.catalogue import TWEETS
from schemas.codec import encode, topic_and_key
from schemas.envelope import Envelope
from schemas.ids import from_uuid
from schemas.operations.events import DeadLettered
from tests.e2e.people import PASSWORD, is_later
from tests.pictures import encoded, image_file
from tests.push_receiver import Device
from tests.waiting import BOUND_SECONDS, until

if TYPE_CHECKING:
    import httpx

    from tests.e2e.canaries import Canaries
    from tests.e2e.system import System

POSTS = 36
SHAPES = ("{}", "#{} is what they call it", "see https://example.org/{}", "a 🐦 and {} beside it")
TAGGED = 1
"""The number of a post with a hashtag."""
SIZE = 64, 48
SLICE = slice(800, 860)
"""Of a picture's file: behind its head, which pictures of one size share."""


def unpacked(raw: bytes) -> dict[str, bytes]:
    """Return the files of an export, which are what its manifest says."""
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    told = {it["name"]: it for it in json.loads(files["manifest.json"])["files"]}
    assert told.keys() == files.keys() - {"manifest.json"}
    for name, it in told.items():
        assert (len(files[name]), hashlib.sha256(files[name]).hexdigest()) == (it["bytes"], it["sha256"]), name
    return files


class Somebody:
    """An account that stays."""

    def __init__(self, system: System, client: httpx.Client, body: dict[str, str], **headers: str) -> None:
        self.system, self.client = system, client
        self.headers: dict[str, str] = headers
        registered = self.send("POST", "/auth/register", body | {"password": PASSWORD})
        self.user_id: str = registered["user"]["user_id"]
        self.username: str = registered["user"]["username"]
        self._become(registered)

    def _become(self, session: dict[str, Any]) -> None:
        self.headers = {"Authorization": f"Bearer {session['access_token']}"}

    def log_in(self) -> None:
        """Begin a session with the role that it has by now."""
        self._become(self.send("POST", "/auth/login", {"username": self.username, "password": PASSWORD}))

    def answer(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a command, or whatever else the process of commands answers."""
        url = f"{self.system.commands}/api/v1{path}"
        return self.client.request(method, url, json=body, **{"headers": self.headers, **more})

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a command that is carried out; where read models are behind, it is sent again."""
        answers: list[httpx.Response] = []

        def is_decided() -> bool:
            answers.append(self.answer(method, path, body, **more))
            return not is_later(answers[-1])

        until(is_decided)
        assert answers[-1].is_success, (path, answers[-1].text)
        return answers[-1].json()

    def sees(self, path: str) -> httpx.Response:
        """Ask the query API."""
        base = "" if path.startswith("/media/files/") else "/api/v1"
        return self.client.get(f"{self.system.query}{base}{path}", headers=self.headers)

    def post(self, content: str, idempotency_key: str = "", **more: Any) -> str:
        headers = {**self.headers, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})}
        tweet_id: str = self.send("POST", "/tweets", {"content": content, **more}, headers=headers)["tweet_id"]
        return tweet_id

    def uploaded(self, content: bytes, alt_text: str = "", seconds: float = BOUND_SECONDS) -> dict[str, Any]:
        """Upload; return what is told of it once it is decoded."""
        told = self.send("POST", "/media", files={"file": content}, data={"alt_text": alt_text})
        until(lambda: self.sees(f"/media/{told['media_id']}").json().get("status") == "ready", seconds)
        found: dict[str, Any] = self.sees(f"/media/{told['media_id']}").json()
        return found

    def exported(self, seconds: float = BOUND_SECONDS) -> bytes:
        """Ask for an export until it is there; return its bytes, which are what was told."""
        until(lambda: self.send("GET", "/users/me/export")["status"] == "ready", seconds)
        told = self.send("GET", "/users/me/export")
        raw = self.client.get(f"{self.system.commands}{told['download']}", headers=self.headers).content
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (told["bytes"], told["sha256"])
        return raw


class Leaver(Somebody):
    """What it planted is in `canaries`; `shown` says at which paths others see some of it."""

    def __init__(self, system: System, client: httpx.Client, canaries: Canaries) -> None:
        self.canaries = canaries
        new = canaries.new
        body = {"username": new("username"), "display_name": new("display name"), "bio": new("bio"),
                "email": new("address", "{}@example.org"), "location": new("location")}  # fmt: skip
        more = {"User-Agent": new("agent"), "Idempotency-Key": new("key of the registration")}
        super().__init__(system, client, body, **more)
        self.tweets: list[str] = []
        self.shown: list[str] = []

    def plant(self, other: Somebody, tweet_id: str) -> None:
        """Plant all; `tweet_id` is the other's."""
        new = self.canaries.new
        self._plant_profile()
        for number in range(POSTS):
            self.tweets.append(self.post(new("tweet", SHAPES[number % len(SHAPES)])))
        self.post(new("answer of a key"), new("key"))
        reply = self.post(new("reply"), reply_to_tweet_id=tweet_id)
        self.post(new("quote"), quoted_tweet_id=tweet_id)
        self.send("POST", "/reports", {"tweet_id": tweet_id, "reason": "spam", "comment": new("report")})
        self.send("POST", f"/users/{other.user_id}/follow")
        app = {"name": new("app"), "redirect_uris": [new("redirect", "https://{}.example.org/back")]}
        self.send("POST", "/oauth/apps", app)
        self.send("POST", "/push/subscriptions", Device().subscription(new("endpoint", "https://push.example.org/{}")))
        gone = self.post(new("deleted tweet"))
        self.send("DELETE", f"/tweets/{gone}")
        for kind in ("like", "bookmark", "retweet"):
            self.send("POST", f"/tweets/{tweet_id}/{kind}")
        url = self._plant_picture()
        tag, name = self._last_words("tweet")[TAGGED], self.username
        self.shown = [
            url, f"/users/{self.user_id}", f"/users/by-username/{name}", f"/search/users?q={name}",
            f"/search/tweets?q={tag}", f"/trends/topics/{tag}", f"/tweets/{self.tweets[0]}", f"/tweets/{reply}/thread",
            *(f"/tweets/{tweet_id}/{kind}" for kind in ("likes", "retweets", "replies", "quotes")), "/notifications",
            *(f"/users/{other.user_id}/{kind}" for kind in ("followers", "following")), "/timeline/home",
            f"/timeline/user/{self.user_id}",
        ]  # fmt: skip

    def _plant_profile(self) -> None:
        new = self.canaries.new
        edited = {"display_name": new("second name"), "bio": new("second bio"), "location": new("second location"),
                  "profile_image_url": new("picture", "https://example.org/{}.png"),
                  "banner_image_url": new("banner", "https://example.org/{}.png")}  # fmt: skip
        self.send("PATCH", "/users/me", edited)

    def _plant_picture(self) -> str:
        """Post a picture, and have one as its own; return where the file of the first one is."""
        new = self.canaries.new
        noise = Image.frombytes("RGB", SIZE, secrets.token_bytes(3 * SIZE[0] * SIZE[1]))
        media = self.uploaded(encoded(noise), new("alt text"))
        self.canaries.add("bytes of a picture", self.sees(media["url"]).content[SLICE])
        self.post(new("tweet with a picture"), media_ids=[media["media_id"]])
        own = self.uploaded(image_file("image/png"), new("alt text of its own"))
        self.send("PATCH", "/users/me", {"profile_image_id": own["media_id"]})
        announced = {"type": "image/png", "bytes": 9, "alt_text": new("announced alt text")}
        self.send("POST", "/media/uploads", announced)
        return str(media["url"])

    def _last_words(self, where: str) -> list[str]:
        return [it for name, it in self.canaries.planted.items() if name.startswith(f"{where} (")]

    def appeal(self, judge: Somebody, reporter: Somebody) -> None:
        """Have a tweet of it hidden by a moderator, and ask for another look."""
        tweet_id = self.tweets[-1]
        reporter.send("POST", "/reports", {"tweet_id": tweet_id, "reason": "spam", "comment": "so it is"})
        case = f"/moderation/cases/{tweet_id}"
        judge.send("POST", f"{case}/claim")
        judge.send("POST", f"{case}/decision", {"action": "hide", "reason": "as it is spam"})
        self.send("POST", "/moderation/appeals", {"text": self.canaries.new("appeal"), "case_id": tweet_id})

    def export(self) -> None:
        """Take all of it along."""
        files = unpacked(self.exported())
        manifest = json.loads(files["manifest.json"])
        records = {it["name"]: it["records"] for it in manifest["files"] if "records" in it}
        kept = b"".join(files.values())
        told = (records["tweets.jsonl"], records["likes.jsonl"], records["bookmarks.jsonl"], records["media.jsonl"])
        assert told == (POSTS + 5, 1, 1, 2)
        not_in_it = (
            "display",
            "bio",
            "location",
            "picture",
            "deleted",
            "key",
            "report",
            "appeal",
            "endpoint",
            "announced",
        )
        for where, canary in self.canaries.planted.items():
            assert canary.encode() in kept or where.startswith(not_in_it), where

    def bury(self) -> None:
        """Leave dead letters of two of its records, as a projection would that could not apply them."""
        user_id = from_uuid(self.user_id)
        with self.system.log() as log:
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
        self.system.bury([Record(*topic_and_key(it), encode(it)) for it in letters])
