"""`murmur trends`: what is talked about more than usual, as the query API tells it, in the terminal."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType

    from infra.settings import Settings

REFRESH_SECONDS = 5.0  # the query API makes a board anew as often
ANSWER_SECONDS = 10.0
BLOCKS = "▁▂▃▄▅▆▇█"

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
InPlace = Annotated[str, typer.Option("--place", help="A country or city by its name or woeid.")]
Limit = Annotated[int, typer.Option(min=1, max=50, help="Most topics.")]
Watch = Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")]
AllPlaces = Annotated[bool, typer.Option("--places", help="List the places that are told apart.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; one line each time with --watch.")]


def trends(
    data: Data = None,
    place: InPlace = "World",
    limit: Limit = 20,
    watch: Watch = False,
    list_places: AllPlaces = False,
    as_json: AsJson = False,
) -> None:
    """Tell what more people talk about than usual."""
    from infra.cli import settings_there, show  # noqa: PLC0415 - it imports this module
    from infra.places import places  # noqa: PLC0415

    if list_places:
        show([{"woeid": it.woeid, "name": it.name, "country": it.country} for it in places().values()], as_json)
        return
    asked = {"woeid": woeid_of(place), "limit": limit}
    settings = settings_there(data)
    if watch:
        watched(lambda: board(settings, asked), as_json)
    elif as_json:
        show(board(settings, asked), as_json)
    else:
        _console().print(table(board(settings, asked)))


def woeid_of(text: str) -> int:
    """Return the woeid of a place that was named, or given; raises TroubleError."""
    from infra.places import WORLD, place_of, places  # noqa: PLC0415

    if text.strip().isdecimal() and int(text) in places():
        return int(text)
    found = place_of(text)
    if found == WORLD and text.strip().casefold() != places()[WORLD].name.casefold():
        raise TroubleError(f"there is no place {text[:60]!r}", "`murmur trends --places` lists them")
    return found


def board(settings: Settings, asked: Mapping[str, int]) -> dict[str, Any]:
    """Ask the query API; raises TroubleError where it does not tell."""
    from infra import data_lock  # noqa: PLC0415

    owner = data_lock.owner(settings.data_dir) or {}
    host, port = owner.get("host", settings.host), owner.get("query_port", settings.query_port)
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/api/v1/trends?{urlencode(asked)}")
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        what = f"the query API at http://{host}:{port} does not answer ({type(error).__name__})"
        raise TroubleError(what, "start it: `murmur up`, or name its folder: --data") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise TroubleError(f"the query API says: {told['title']} ({told['detail']})", told["hint"])
    found: dict[str, Any] = told
    return found


def table(told: Mapping[str, Any]) -> RenderableType:
    """Return a board for people."""
    from rich.table import Table  # noqa: PLC0415 - rich takes a tenth of a second
    from rich.text import Text  # noqa: PLC0415

    if not told["trends"]:
        return Text(f"Nothing trends in {told['place']}: nobody talks about anything more than usual.")
    title = f"{told['place']}, the hour up to {told['as_of'][11:16]} UTC"
    shown = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in ("#", "moved", "topic", "tweets", "people", "x usual", "24 hours"):
        shown.add_column(name, justify="left" if name in {"topic", "24 hours"} else "right", no_wrap=True)
    for it in told["trends"]:
        cells = (it["rank"], moved(it["rank_change"]), f"#{it['name']}", it["tweet_volume"], it["authors"])
        line = Text(sparkline(it["hours"]), style="cyan")
        shown.add_row(*(Text(str(cell)) for cell in cells), Text(f"{it['velocity']:.1f}"), line)
    return shown


def moved(places: int | None) -> str:
    """Return how a topic moved: up, down, not at all, or that it is new."""
    if places is None:
        return "new"
    return f"{'▲' if places > 0 else '▼'}{abs(places)}" if places else "="


def sparkline(values: Sequence[int]) -> str:
    """Return one block for each value, the largest as high as can be."""
    most = max(values, default=0)
    return "".join(BLOCKS[value * (len(BLOCKS) - 1) // most] if most else BLOCKS[0] for value in values)


def watched(ask: Callable[[], Mapping[str, Any]], as_json: bool, wait: Callable[[float], None] = time.sleep) -> None:
    """Print a board, and print it again, or write over it, until Ctrl-C."""
    from rich.live import Live  # noqa: PLC0415

    with suppress(KeyboardInterrupt):
        if as_json:
            while True:
                typer.echo(json.dumps(ask()))
                wait(REFRESH_SECONDS)
        with Live(table(ask()), console=_console(), auto_refresh=False) as live:
            while True:
                wait(REFRESH_SECONDS)
                live.update(_now(ask), refresh=True)


def _now(ask: Callable[[], Mapping[str, Any]]) -> RenderableType:
    """Return the board, or why there is none just now: it is asked for again."""
    from rich.text import Text  # noqa: PLC0415

    try:
        return table(ask())
    except TroubleError as trouble:
        return Text(str(trouble))


def _console() -> Any:
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False)


verbs: tuple[Callable[..., None], ...] = (trends,)
