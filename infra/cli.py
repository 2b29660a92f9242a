"""The command line: one short function a verb; everything heavy is imported by the verb that needs it.

It starts the processes and imports none of them. What goes wrong in a way that can be put right is one line on
standard error and exit code 2 (see infra.trouble).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from infra.archive_verbs import archive_app
from infra.capacity.verb import capacity
from infra.generation_verbs import generations_app
from infra.key_verbs import keys_app
from infra.media_verbs import media_app
from infra.replay_verbs import verbs as replay_verbs
from infra.server_verbs import servers_app
from infra.trends_verbs import verbs as trends_verbs
from infra.trouble import TroubleError, trouble_of
from infra.user_verbs import users_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings import Settings

app = typer.Typer(
    name="murmur",
    help="Murmuration: a social feed as a stream-processing pipeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder.  [default: setting data_dir, ./data]")]
Profile = Annotated[
    Literal["embedded", "cluster"] | None, typer.Option(help="Keep everything in files, or on servers.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_of(**given: Any) -> Settings:
    """Return the settings, with what the command line gave in front."""
    from pydantic import ValidationError  # noqa: PLC0415

    from infra import secret_files  # noqa: PLC0415
    from infra.settings import PREFIX, Settings  # noqa: PLC0415

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        is_secret = name in secret_files.names(Settings)
        what = f"setting {name}: {first['msg']}" + ("" if is_secret else f" (given: {first['input']!r})")
        raise TroubleError(what, f"change {PREFIX}{name.upper()}, or its line in the settings file") from error


def settings_there(data: Path | None) -> Settings:
    """Return the settings of what runs on a data folder: on files or on servers, whatever the environment says."""
    from infra import data_lock  # noqa: PLC0415

    running = data_lock.owner(settings_of(data_dir=data).data_dir) or {}
    return settings_of(data_dir=data, profile=running.get("profile"))


def show(facts: Any, as_json: bool, lines: Sequence[str] | None = None) -> None:
    """Print facts: as JSON, as the lines given, or one `name  value` a line."""
    if as_json:
        import json  # noqa: PLC0415

        typer.echo(json.dumps(facts, indent=2))
        return
    rows = facts if isinstance(facts, list) else [{"name": name, "value": value} for name, value in facts.items()]
    for line in lines if lines is not None else ["  ".join(str(value) for value in row.values()) for row in rows]:
        typer.echo(line)


def say(line: str) -> None:
    """Print a line for people."""
    typer.echo(line, err=True)


def become(settings: Settings, module: str, arguments: Sequence[str]) -> NoReturn:
    """Go on as `python -m module` with these settings."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], settings.environment())  # noqa: S606 - our own module


@app.command()
def up(
    data: Data = None,
    commands_port: Annotated[int | None, typer.Option(help="Port of the command API.  [default: 8000]")] = None,
    query_port: Annotated[int | None, typer.Option(help="Port of the query API.  [default: 8001]")] = None,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Let generated people live in it.")] = False,
    profile: Profile = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes of each kind (cluster).  [default: 1]")
    ] = None,
) -> None:
    """Start everything, keep it running, stop it with Ctrl-C."""
    from infra import up as verb  # noqa: PLC0415

    of_each = {f"{kind}_workers": workers for kind in ("commands", "streams", "query")}
    settings = settings_of(
        data_dir=data, commands_port=commands_port, query_port=query_port, profile=profile, **of_each
    )
    raise typer.Exit(verb.run(settings, demo=demo, say=say))


@app.command()
def demo(
    data: Data = None,
    rate: Annotated[float, typer.Option(help="Things that happen in a second.")] = 2.0,
    people: Annotated[int, typer.Option(help="How many people live there.")] = 24,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Seconds to go on for.  [default: until Ctrl-C]")
    ] = None,
) -> None:
    """Let generated people post, follow and like in a system that runs."""
    arguments = ["--rate", str(rate), "--people", str(people), *([] if seconds is None else ["--for", str(seconds)])]
    from infra import data_lock  # noqa: PLC0415

    running = data_lock.owner(settings_of(data_dir=data).data_dir) or {}
    become(settings_of(data_dir=data, commands_port=running.get("commands_port")), "infra.demo", arguments)


@app.command()
def load(
    format_: Annotated[
        Literal["higgs", "epinions", "follows", "tweets"],
        typer.Argument(metavar="FORMAT", help="higgs, epinions, follows or tweets."),
    ],
    file: Annotated[Path, typer.Argument(help="The file, plain or .gz.")],
    data: Data = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N rows.")] = None,
    active: Annotated[
        bool, typer.Option("--active/--inactive", help="Accounts have just signed in, or never.")
    ] = False,
    password: Annotated[str | None, typer.Option(help="One password for all accounts loaded.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load a file through the same rules and the same log; run it again to go on, or to change nothing."""
    arguments = [format_, str(file), *(["--active"] if active else []), *(["--json"] if as_json else [])]
    arguments += [] if limit is None else ["--limit", str(limit)]
    arguments += [] if password is None else ["--password", password]
    become(settings_there(data), "commands.imports", arguments)


@app.command()
def token(
    username: str,
    data: Data = None,
    minutes: Annotated[int | None, typer.Option(min=1, max=1440, help="Its life.  [default: as the API's]")] = None,
) -> None:
    """Print an access token of an account; needs the data folder, not its password."""
    life = [] if minutes is None else ["--minutes", str(minutes)]
    become(settings_there(data), "commands", ["token", username, *life])


@app.command()
def migrate(data: Data = None) -> None:
    """Make the topics, tables and roles that the cluster profile needs; a repeat changes nothing."""
    from infra import cluster  # noqa: PLC0415
    from infra.servers.fleet import servers_of  # noqa: PLC0415

    cluster.prepare(servers_of(settings_of(data_dir=data, profile="cluster")), say)


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Tell what runs, where, and how far each projection is behind."""
    from infra import status as verb  # noqa: PLC0415

    report = verb.status(settings_there(data))
    show(report, as_json, verb.lines(report))


@app.command()
def doctor(
    data: Data = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not read the whole log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong and say how to put it right; exit code 1 where something is."""
    from infra import doctor as verb  # noqa: PLC0415

    checks = list(verb.examine(settings_there(data), quick=quick))
    show([{**check._asdict(), "ok": check.ok} for check in checks], as_json, verb.lines(checks))
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


@app.command()
def settings(as_json: AsJson = False) -> None:
    """Print every setting, its name in the environment, its default and what it does."""
    from infra.status import settings_table  # noqa: PLC0415

    show(settings_table(), as_json)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the versions of this program and of what its promises rest on."""
    from infra.status import versions  # noqa: PLC0415

    show(versions(), as_json)


log_app = typer.Typer(help="Look into the log.", no_args_is_help=True)


@log_app.command()
def dump(
    topics: Annotated[list[str] | None, typer.Argument(help="Topics.  [default: all]")] = None,
    data: Data = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    start: Annotated[int, typer.Option("--from", min=0, help="First offset of each partition.")] = 0,
    stop: Annotated[int | None, typer.Option("--to", min=0, help="Offset to stop before.")] = None,
    key: Annotated[int | None, typer.Option(help="Only records of this entity's id.")] = None,
) -> None:
    """Print records, one JSON object a line."""
    from infra import log_verbs  # noqa: PLC0415

    for record in log_verbs.dump(settings_there(data), topics, partition, start, stop, key):
        typer.echo(record)


@log_app.command()
def verify(data: Data = None, as_json: AsJson = False) -> None:
    """Read every record and check it; exit code 1 where something is wrong."""
    from infra import log_verbs  # noqa: PLC0415

    findings = log_verbs.verify(settings_there(data), quiet=as_json)
    show(findings, as_json, log_verbs.finding_lines(findings))
    raise typer.Exit(1 if findings else 0)


dlq_app = typer.Typer(help="Events that a projection could not apply.", no_args_is_help=True)


@dlq_app.command("list")
def dlq_list(data: Data = None, as_json: AsJson = False) -> None:
    """List them with the reason."""
    from infra import log_verbs  # noqa: PLC0415

    letters = log_verbs.dead_letters(settings_there(data))
    show(letters, as_json, log_verbs.letter_lines(letters))


@dlq_app.command("retry")
def dlq_retry(projection: str, data: Data = None) -> None:
    """Try those of one projection again, each once; on files, the system must be stopped."""
    become(settings_there(data), "streams", ["dlq-retry", projection])


GROUPS = {"log": log_app, "dlq": dlq_app, "keys": keys_app, "servers": servers_app, "archive": archive_app}
for named, group in {**GROUPS, "generations": generations_app, "users": users_app, "media": media_app}.items():
    app.add_typer(group, name=named)
for verb in (capacity, *replay_verbs, *trends_verbs):
    app.command()(verb)


def main() -> NoReturn:
    """Run the verb; a problem is one line, never a traceback."""
    try:
        app(prog_name="murmur")
    except TroubleError as error:
        say(f"murmur: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads a line
        unexpected = f"unexpected {type(error).__name__}: {error}; please report it with `murmur version`"
        say(f"murmur: {trouble_of(error) or unexpected}")
    sys.exit(2)


if __name__ == "__main__":
    main()
