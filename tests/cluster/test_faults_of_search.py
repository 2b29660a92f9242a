"""Search by the whole system: what is posted is found, also after Elasticsearch or a stream process was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from tests.e2e.on_servers import NAMES, SystemOnServers
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.servers import Fleet

pytestmark = pytest.mark.cluster

EACH = 15
PAGE = 100


class Author(NamedTuple):
    """Somebody who posts and searches."""

    system: SystemOnServers
    client: httpx.Client
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


@pytest.fixture(scope="module")
def author(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    fleet.start(*(name for name in (*NAMES, "elasticsearch") if not fleet.alive(name)))
    with (
        SystemOnServers(fleet, tmp_path_factory.mktemp("search") / "data", spam_threshold="0") as system,
        httpx.Client(timeout=30) as client,
    ):
        body = {"username": "searcher", "password": "a long password"}
        answer = client.post(f"{system.commands}/api/v1/auth/register", json=body).raise_for_status().json()
        yield Author(system, client, {"Authorization": f"Bearer {answer['access_token']}"})


def test_whoever_holds_the_token_finds_what_was_posted(author: Author) -> None:
    for number in range(5):
        tweet_id, token = author.post(f"a starling, number{number}")
        answer = author.get("/search/tweets", token, q=f'"starling number{number}"', wait_ms=20_000)
        assert ([tweet["tweet_id"] for tweet in answer.json()["tweets"]], "X-Stale" in answer.headers) == (
            [tweet_id],
            False,
        )
    answer = author.get("/search/users", token, q="sear", wait_ms=20_000)
    assert [user["username"] for user in answer.json()["users"]] == ["searcher"]


def test_elasticsearch_is_killed_and_nothing_posted_meanwhile_is_lost(author: Author) -> None:
    fleet = author.system.fleet
    posted = [author.post(f"before heron{number}, heron")[0] for number in range(EACH)]
    fleet.kill("elasticsearch")
    try:
        posted += [author.post("while it is away, a heron")[0] for _ in range(EACH)]
        refused = author.get("/search/tweets", q="heron")
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert "Retry-After" in refused.headers
        until(lambda: author.get(f"/tweets/{posted[-1]}").is_success)
    finally:
        fleet.start("elasticsearch")
    until(lambda: author.found("heron") == posted[::-1], 90)


def test_a_stream_process_is_killed_and_all_is_found_once(author: Author) -> None:
    posted = [author.post("a wren")[0] for _ in range(EACH)]
    author.system.kill("streams")
    posted += [author.post("a wren")[0] for _ in range(EACH)]
    until(lambda: author.found("wren") == posted[::-1], 90)
