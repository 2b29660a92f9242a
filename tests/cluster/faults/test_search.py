"""Search by the whole system: what is posted is found, also after Elasticsearch or all stream processes were killed."""

from __future__ import annotations

import secrets
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.on_servers import SystemOnServers

pytestmark = pytest.mark.cluster

EACH = 15
PAGE = 100


class Author(NamedTuple):
    """Somebody who posts and searches."""

    system: SystemOnServers
    client: httpx.Client
    name: str
    headers: dict[str, str]

    def post(self, content: str) -> tuple[str, str]:
        """Return the tweet's id and its consistency token."""
        url = f"{self.system.commands}/api/v1/tweets"
        answer = self.client.post(url, json={"content": content}, headers=self.headers)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return answer.json()["tweet_id"], answer.headers["X-Consistency-Token"]

    def get(self, path: str, token: str = "", **params: Any) -> httpx.Response:
        headers = {"X-Consistency-Token": token} if token else {}
        return self.client.get(f"{self.system.query}/api/v1{path}", params=params, headers=headers)

    def found(self, word: str) -> list[str]:
        answer = self.get("/search/tweets", q=word, limit=PAGE)
        return [tweet["tweet_id"] for tweet in answer.json()["tweets"]] if answer.is_success else []


@pytest.fixture
def author(system: SystemOnServers) -> Iterator[Author]:
    with httpx.Client(timeout=30) as client:
        name = f"searcher_{secrets.token_hex(3)}"
        body = {"username": name, "password": "a long password"}
        answer = client.post(f"{system.commands}/api/v1/auth/register", json=body).raise_for_status().json()
        yield Author(system, client, name, {"Authorization": f"Bearer {answer['access_token']}"})


def song(bird: str) -> str:
    """Words that nobody has said yet: who repeats himself is taken for a spammer, and not found."""
    return f"{bird} {' '.join(''.join(secrets.choice(ascii_lowercase) for _ in range(6)) for _ in range(3))}"


def test_whoever_holds_the_token_finds_what_was_posted(author: Author) -> None:
    for _ in range(5):
        said = song("starling")
        tweet_id, token = author.post(said)
        answer = author.get("/search/tweets", token, q=f'"{said}"', wait_ms=20_000)
        assert ([tweet["tweet_id"] for tweet in answer.json()["tweets"]], "X-Stale" in answer.headers) == (
            [tweet_id],
            False,
        )
    answer = author.get("/search/users", token, q=author.name[:-1], wait_ms=20_000)
    assert [user["username"] for user in answer.json()["users"]] == [author.name]


def test_elasticsearch_is_killed_and_nothing_posted_meanwhile_is_lost(author: Author) -> None:
    fleet = author.system.fleet
    posted = [author.post(song("heron"))[0] for _ in range(EACH)]
    fleet.kill("elasticsearch")
    try:
        posted += [author.post(song("heron"))[0] for _ in range(EACH)]
        refused = author.get("/search/tweets", q="heron")
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert "Retry-After" in refused.headers
        until(lambda: author.get(f"/tweets/{posted[-1]}").is_success)
    finally:
        fleet.start("elasticsearch")
    until(lambda: author.found("heron") == posted[::-1], 90)


def test_the_stream_processes_are_killed_and_all_is_found_once(author: Author) -> None:
    posted = [author.post(song("wren"))[0] for _ in range(EACH)]
    for number in (1, 2):
        assert author.system.kill(f"streams-{number}") is not None
    posted += [author.post(song("wren"))[0] for _ in range(EACH)]
    until(lambda: author.found("wren") == posted[::-1], 90)
