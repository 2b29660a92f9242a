"""The accounts of the demo: the passwords they were registered with, kept in <data>/demo.json for the next start."""

from __future__ import annotations

import http.client
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from pathlib import Path

DEMO_USER = "demo"
REQUEST_SECONDS = 15.0


class Passwords:
    """Usernames and passwords of one data directory; the file is readable by its owner only.

    `settled` says whether the people have had their quick start.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "demo.json"
        try:
            kept = json.loads(self._path.read_bytes())
            self._known: dict[str, str] = kept["passwords"]
            self.settled: bool = kept["settled"]
        except FileNotFoundError:
            self._known, self.settled = {}, False
        except (ValueError, KeyError) as error:
            raise TroubleError(
                f"{self._path} is damaged ({error})", "remove it together with the data folder"
            ) from error

    def of(self, username: str) -> str:
        """Return the account's password, a new one where it has none; `save` keeps it."""
        return self._known.setdefault(username, secrets.token_urlsafe(12))

    def save(self) -> None:
        """Write the file in one step."""
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"settled": self.settled, "passwords": self._known}, file, indent=1)
        new.replace(self._path)


def sign_in(data_dir: Path, host: str, port: int) -> str:
    """Return an access token of the user `demo`, who is registered where missing."""
    passwords = Passwords(data_dir)
    body = {"username": DEMO_USER, "password": passwords.of(DEMO_USER)}
    passwords.save()
    ways = [("/api/v1/auth/register", {**body, "display_name": "Demo"}), ("/api/v1/auth/login", body)]
    for path, request in ways[::-1] if passwords.settled else ways:
        status, answer = _post(host, port, path, request)
        if "access_token" in answer:
            return str(answer["access_token"])
    raise TroubleError(
        f"the user demo could not sign in ({status} {answer.get('code', '')})",
        f"start with --no-demo, or with the {data_dir / 'demo.json'} that belongs to this data",
    )


def _post(host: str, port: int, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(host, port, timeout=REQUEST_SECONDS)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TroubleError(f"the command API did not answer ({error})", "read logs/commands.log") from error
    finally:
        connection.close()
