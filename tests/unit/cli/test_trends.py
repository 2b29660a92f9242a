"""`murmur trends`: a board for people, as JSON, again and again; one line and exit code 2 for trouble."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra import cli, trends_verbs
from infra.trends_verbs import moved, sparkline, table, watched, woeid_of
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOURS = [0] * 22 + [1, 20]
TREND = {
    "rank": 1, "name": "eclipse[red]", "url": "/", "tweet_volume": 31, "authors": 20, "expected": 3.0,
    "velocity": 6.667, "score": 96.3, "rank_change": None, "hours": HOURS,
}  # fmt: skip
BOARD: dict[str, Any] = {"woeid": 1, "place": "World", "as_of": "2026-11-23T14:05:00.000Z", "trends": [TREND]}
PROBLEM = {"title": "Not ready", "detail": "trends: it is being built", "hint": "Try again in a second."}


class Api(BaseHTTPRequestHandler):
    """Says what it is told to, as the query API would, and notes what it was asked."""

    said: tuple[int, dict[str, Any]] = (200, BOARD)
    asked: list[str] = []  # noqa: RUF012 - of the one test that runs

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.said[0])
        self.end_headers()
        self.wfile.write(json.dumps(self.said[1]).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Api]]:
    class Own(Api):
        asked: list[str] = []  # noqa: RUF012 - as above

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        monkeypatch.setenv("MURMURATION_QUERY_PORT", str(server.server_port))
        monkeypatch.setenv("MURMURATION_DATA_DIR", str(tmp_path))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Own
        server.shutdown()
        thread.join()


def run(*arguments: str) -> str:
    outcome = CliRunner().invoke(cli.app, ["trends", *arguments], env={"COLUMNS": "120"})
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_a_board_is_a_table_with_ranks_moves_and_lines(api: type[Api]) -> None:
    told = run("--place", "London, UK", "--limit", "3")
    assert api.asked == ["/api/v1/trends?woeid=44418&limit=3"]
    assert "World, the hour up to 14:05 UTC" in told
    assert told.splitlines()[-1].split() == ["1", "new", "#eclipse[red]", "31", "20", "6.7", "▁" * 23 + "█"]


def test_json_is_what_the_api_said(api: type[Api]) -> None:
    assert json.loads(run("--json", "--place", "1")) == BOARD
    assert len(api.asked) == 1


def test_all_places_are_listed() -> None:
    assert "44418  London  GB" in run("--places")


def test_nothing_that_trends_is_a_sentence() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table({**BOARD, "trends": []}))
    assert captured.get().startswith("Nothing trends in World")


def test_a_place_that_is_not_there_and_an_api_that_is_not_are_one_line_with_a_remedy(api: type[Api]) -> None:
    for arguments, remedy in ((["--place", "Atlantis"], "murmur trends --places"), ([], "Try again in a second.")):
        api.said = (503, PROBLEM)
        outcome = CliRunner().invoke(cli.app, ["trends", *arguments])
        assert isinstance(outcome.exception, TroubleError)
        assert remedy in str(outcome.exception)


def test_an_api_that_does_not_answer_is_said_to_be_away(api: type[Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_QUERY_PORT", "1")
    outcome = CliRunner().invoke(cli.app, ["trends"])
    assert "murmur up" in str(outcome.exception)
    assert api.asked == []


def test_a_watch_goes_on_through_trouble_until_it_is_interrupted() -> None:
    boards = iter([BOARD, TroubleError("it is away", "start it"), BOARD])
    asked = []

    def ask() -> dict[str, Any]:
        asked.append(next(boards))
        if isinstance(asked[-1], TroubleError):
            raise asked[-1]
        return BOARD

    def wait(seconds: float) -> None:
        assert seconds == trends_verbs.REFRESH_SECONDS
        if len(asked) == 3:
            raise KeyboardInterrupt

    watched(ask, as_json=False, wait=wait)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("text", "woeid"), [("World", 1), ("1", 1), ("44418", 44418), ("united kingdom", 23424975), ("Leeds, UK", 26042)]
)
def test_places_are_known_by_names_and_by_numbers(text: str, woeid: int) -> None:
    assert woeid_of(text) == woeid


def test_moves_and_lines_are_drawn() -> None:
    assert [moved(it) for it in (3, -2, 0, None)] == ["▲3", "▼2", "=", "new"]
    assert (sparkline([]), sparkline([0, 0]), sparkline([0, 7, 14])) == ("", "▁▁", "▁▄█")
