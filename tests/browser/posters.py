"""People without a window: they use the command API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.browser.windows import PASSWORD

if TYPE_CHECKING:
    from tests.e2e.system import System


class Poster:
    """Somebody without a window."""

    def __init__(self, system: System, username: str) -> None:
        self._api = f"{system.commands}/api/v1"
        self.headers: dict[str, str] = {}
        self.user: dict[str, Any] = self.send("POST", "/auth/register", {"username": username, "password": PASSWORD})
        self.headers = {"Authorization": f"Bearer {self.user['access_token']}"}

    def send(self, method: str, path: str, body: dict[str, str]) -> dict[str, Any]:
        answer = httpx.request(method, self._api + path, json=body, headers=self.headers, timeout=60)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said

    def post(self, content: str) -> str:
        return str(self.send("POST", "/tweets", {"content": content})["content"])

    def profile(self, text: str) -> None:
        self.send("PATCH", "/users/me", {"display_name": text[:100], "bio": text[:160], "location": text[:100]})
