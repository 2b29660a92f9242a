"""`murmur replay`: reads the command line, and does what it says in this profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.settings import Settings
from streams.replay.audit import repair_user
from streams.replay.kinds import chosen
from streams.replay.options import parsed, user_id
from streams.replay.run import Replay

if TYPE_CHECKING:
    from streams.replay.options import Options


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code. Raises TroubleError."""
    options, settings = parsed(arguments), Settings()
    if options.user is not None:
        return repair_user(
            settings,
            chosen(options.projections),
            user_id(options.user),
            as_json=options.as_json,
            dry_run=options.dry_run,
        )
    return replay_of(settings, options).run()


def replay_of(settings: Settings, options: Options) -> Replay:
    """Return the replay of a profile."""
    if settings.profile == "cluster":
        from streams.replay.server_replay import ServerReplay  # noqa: PLC0415 - its clients are installed with servers

        return ServerReplay(settings, options)
    return Replay(settings, options)
