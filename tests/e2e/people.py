"""People who use the system over HTTP, and what they are told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import httpx

from infra.http.problem_codes import PROBLEM_TYPES

if TYPE_CHECKING:
    from tests.e2e.system import Apis

ANSWERED_SECONDS = 90.0  # a command is asked again under its key until it is answered, for so long
LATER_SECONDS = 0.1  # before it is asked again: shorter than Retry-After, to see at once that a fault is over
PASSWORD = "a long password"
GONE = httpx.TransportError


class Answers:
    """What one API said to everybody, and when."""

    def __init__(self) -> None:
        self.good: list[float] = []
        self.later: Counter[str] = Counter()  # problems that ask to come again, by their codes
        self.none = 0  # connections refused, broken off or silent
        self.wrong: list[str] = []  # what nobody may ever see

    def note(self, answer: httpx.Response) -> None:
        """Sort an answer; a 4xx is for the caller to judge."""
        if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            self.good.append(time.monotonic())
        elif is_later(answer):
            self.later[answer.json()["code"]] += 1
        else:
            self.wrong.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")

    def first_after(self, moment: float) -> float | None:
        """Return how long after the moment somebody was answered."""
        return next((good - moment for good in self.good if good >= moment), None)

    def longest_silence(self, since: float, until: float) -> float:
        """Return the longest time in which nobody was answered."""
        marks = [since, *(good for good in self.good if since <= good <= until), until]
        return max(after - before for before, after in pairwise(marks))


def is_later(answer: httpx.Response) -> bool:
    """Whether it is a documented problem that passes, and says when to ask again."""
    if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return False
    if answer.headers.get("Content-Type") != "application/problem+json" or "Retry-After" not in answer.headers:
        return False
    kind = PROBLEM_TYPES.get(answer.json().get("code"))
    return kind is not None and kind.status == answer.status_code and "Traceback" not in answer.text


class Person:
    """An account and its HTTP clients."""

    def __init__(self, system: Apis, answer: dict[str, Any]) -> None:
        self._system = system
        self.user_id: str = answer["user"]["user_id"]
        self.username: str = answer["user"]["username"]
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}
        self.last_token = ""

    @classmethod
    async def register(cls, system: Apis, client: httpx.AsyncClient, username: str) -> Self:
        body = {"username": username, "password": PASSWORD}
        answer = await client.post(f"{system.commands}/api/v1/auth/register", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return cls(system, answer.json())

    async def command(self, client: httpx.AsyncClient, method: str, path: str, **body: Any) -> httpx.Response:
        """Send a command once; remembers the consistency token of the answer."""
        url = f"{self._system.commands}/api/v1{path}"
        answer = await client.request(method, url, json=body or None, headers=self.headers)
        self.last_token = answer.headers.get("X-Consistency-Token", self.last_token)
        return answer

    async def surely(
        self, client: httpx.AsyncClient, answers: Answers, method: str, path: str, key: str, **body: Any
    ) -> httpx.Response:
        """Send a command until it is answered, under one Idempotency-Key, as a client does whose server may die."""
        url = f"{self._system.commands}/api/v1{path}"
        headers = {**self.headers, "Idempotency-Key": key}
        end = time.monotonic() + ANSWERED_SECONDS
        while time.monotonic() < end:
            try:
                answer = await client.request(method, url, json=body or None, headers=headers)
            except GONE:
                answers.none += 1
            else:
                answers.note(answer)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer
            await asyncio.sleep(LATER_SECONDS)
        raise TimeoutError(f"{method} {path} was not answered within {ANSWERED_SECONDS:.0f} s")

    async def look(self, client: httpx.AsyncClient, answers: Answers, path: str) -> None:
        """Ask the query API once, and note what it says."""
        try:
            answers.note(await client.get(f"{self._system.query}/api/v1{path}", headers=self.headers))
        except GONE:
            answers.none += 1

    async def read(self, client: httpx.AsyncClient, path: str, token: str = "", **params: Any) -> dict[str, Any]:
        """GET from the query API."""
        headers = {**self.headers, "X-Consistency-Token": token} if token else self.headers
        answer = await client.get(f"{self._system.query}/api/v1{path}", params=params, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def read_all(self, client: httpx.AsyncClient, path: str, limit: int = 200) -> list[list[dict[str, Any]]]:
        """All pages of a list of tweets."""
        pages, max_id = [], None
        while True:
            page = await self.read(client, path, limit=limit, **({"max_id": max_id} if max_id else {}))
            pages.append(page["tweets"])
            if not page["has_more"]:
                return pages
            max_id = page["next_max_id"]
