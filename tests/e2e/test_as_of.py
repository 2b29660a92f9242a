"""What people were shown at some moment is what they are shown as of it, after everything has changed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from tests.e2e.people import Person
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Starting
    from tests.e2e.system import System

NEEDED = ("accounts", "engagement", "graph", "trends", "tweets")
BUILD_SECONDS = 120.0


class Scene:
    """Two people, one of whom reads the other."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self.system = system
        self.client = client

    async def given(self) -> None:
        """Something to read, of which all is read."""
        self.ann = await Person.register(self.system, self.client, "ann")
        self.bob = await Person.register(self.system, self.client, "bob")
        await self.said(self.bob, "POST", f"/users/{self.ann.user_id}/follow")
        self.first = await self.posted("the #first of all")
        self.second = await self.posted("the #second of all")
        await self.said(self.bob, "POST", f"/tweets/{self.first}/like")
        await asyncio.to_thread(self.system.wait_until_caught_up)

    async def said(self, who: Person, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = await who.command(self.client, method, path, **body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    async def posted(self, content: str) -> str:
        told = await self.said(self.ann, "POST", "/tweets", content=content)
        tweet_id: str = told["tweet_id"]
        return tweet_id

    async def everything(self, **params: str) -> dict[str, Any]:
        """All that can be asked as of a moment, as bob sees it; trends last: they say which time they are of."""
        ann = self.ann.user_id
        paths = ("/timeline/home", f"/timeline/user/{ann}", f"/tweets/{self.first}", f"/users/{ann}",
                 "/users/by-username/ann", "/trends")  # fmt: skip
        return {path: await self.bob.read(self.client, path, self.bob.last_token, **params) for path in paths}

    async def changed(self) -> None:
        """Another day: nothing is as it was, and nothing is hidden."""
        await self.posted("the #third of all")
        await self.said(self.bob, "DELETE", f"/tweets/{self.first}/like")
        await self.said(self.bob, "POST", f"/tweets/{self.second}/like")
        await self.said(self.bob, "DELETE", f"/users/{self.ann.user_id}/follow")
        await self.said(self.ann, "PATCH", "/users/me", display_name="Anna")
        await asyncio.to_thread(self.system.wait_until_caught_up)

    async def asked(self, moment: str) -> httpx.Response:
        url = f"{self.system.query}/api/v1/timeline/home"
        return await self.client.get(url, params={"as_of": moment}, headers=self.bob.headers)


def murmur(system: System, *arguments: str) -> str:
    ended = system.murmur(*arguments, timeout=BUILD_SECONDS)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


async def play(system: System) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        scene = Scene(system, client)
        await scene.given()
        before = await scene.everything()
        moment = before["/trends"]["as_of"]
        await scene.changed()
        assert await scene.everything() != before
        refusal = (await scene.asked(moment)).json()
        assert refusal["code"] == "no_such_moment"
        command = refusal["detail"].partition("murmur ")[2].split()
        assert command == ["replay", "accounts", "tweets", "graph", "engagement", "--until", moment]
        await asyncio.to_thread(murmur, system, "replay", "trends", *command[1:], "--json")
        await until_built(scene, moment)
        assert await scene.everything(as_of=moment) == before
        await scene.said(scene.ann, "DELETE", f"/tweets/{scene.second}")
        await asyncio.to_thread(system.wait_until_caught_up)
        left = await scene.bob.read(client, "/timeline/home", scene.ann.last_token, as_of=moment)
        assert [it["tweet_id"] for it in left["tweets"]] == [scene.first]
        assert f"as of {moment}" in await asyncio.to_thread(murmur, system, "generations", "list")
        await drop(scene, moment)


async def until_built(scene: Scene, moment: str) -> None:
    """Query processes hear of generations within a second."""
    urls, params = [f"{scene.system.query}/api/v1{path}" for path in ("/timeline/home", "/trends")], {"as_of": moment}

    def built() -> bool:
        return all(httpx.get(url, params=params, headers=scene.bob.headers, timeout=60).is_success for url in urls)

    await asyncio.to_thread(until, built)


async def drop(scene: Scene, moment: str) -> None:
    """Delete them while they are read: whoever asks is shown it, or told that it is not there, at last and for good."""
    gc = asyncio.create_task(asyncio.to_thread(murmur, scene.system, "generations", "gc", "--frozen"))
    told = ""
    async with asyncio.timeout(BUILD_SECONDS):
        while not gc.done() or told != "no_such_moment":  # query processes hear of it within a second
            answer = await scene.asked(moment)
            told = "" if answer.status_code == httpx.codes.OK else answer.json()["code"]
            assert told in {"", "no_such_moment", "not_ready"}, answer.text
    await gc
    assert (await scene.asked(moment)).json()["code"] == "no_such_moment"
    listed = json.loads(await asyncio.to_thread(murmur, scene.system, "generations", "list", "--json"))
    states = {name: [it["state"] for it in record["generations"]] for record in listed
              if (name := record["projection"]) in NEEDED}  # fmt: skip
    assert states == {name: ["following"] for name in NEEDED}


def test_what_was_shown_then_is_shown_as_of_then(starting: Starting, tmp_path: Path) -> None:
    with starting(tmp_path / "data", trends_minimum_authors="1") as system:
        asyncio.run(play(system))
