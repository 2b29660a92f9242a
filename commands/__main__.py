"""Starts the command process (`python -m commands`), or serves its operator: tokens, decisions about accounts.

python -m commands token USERNAME [--minutes N]
python -m commands media gc [--dry-run] [--days N]
python -m commands users suspend|restore|promote|demote|verify|unverify|reset-password|show USERNAME …
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from commands import claims
from commands.bootstrap import open_app, open_services
from commands.media import operator as media
from commands.standing import operator
from infra import json_logs
from infra.http import server
from infra.settings import Settings
from infra.trouble import refusing


def main(arguments: list[str]) -> int:
    """Serve until told to stop, or run the verb."""
    parser = argparse.ArgumentParser(prog="python -m commands", description="The command API.")
    verbs = parser.add_subparsers(dest="verb")
    token = verbs.add_parser("token", help="print an access token for an existing account, in a session of its own")
    token.add_argument("username")
    token.add_argument("--minutes", type=int, choices=range(1, 1441), metavar="N", help="its life (1 to 1440)")
    operator.add_arguments(verbs)
    media.add_arguments(verbs)
    chosen = parser.parse_args(arguments)
    settings = Settings()
    if chosen.verb == "token":
        return asyncio.run(_print_token(settings, chosen.username, chosen.minutes))
    if chosen.verb == "users":
        asyncio.run(operator.run(settings, operator.asked(chosen)))
        return 0
    if chosen.verb == "media":
        asyncio.run(media.run(settings, chosen))
        return 0
    json_logs.configure(settings.log_level)
    server.serve(open_app(settings), settings, "commands")
    return 0


async def _print_token(settings: Settings, username: str, minutes: int | None) -> int:
    services, close = open_services(settings)
    try:
        user_id = services.journal.owner(claims.username_key(username))
        if user_id is None:
            print(f"there is no account named {username}", file=sys.stderr)  # noqa: T201 - a command's output
            return 1
        tokens = await services.registry.begin_session(user_id, minutes)
        print(tokens.access_token)  # noqa: T201
        return 0
    finally:
        close()


if __name__ == "__main__":
    sys.exit(refusing("commands", lambda: main(sys.argv[1:])))
