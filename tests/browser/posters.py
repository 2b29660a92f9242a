"""People without a window: they use the APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.browser.windows import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.system import System

PATIENCE_S = 60


class Poster:
    """Somebody without a window."""

    def __init__(self, system: System, username: str, password: str = PASSWORD, way: str = "/auth/register") -> None:
        """Sign up, or by another way in."""
        self._system, self.username = system, username
        self.headers: dict[str, str] = {}
        self.user = self.send("POST", way, {"username": username, "password": password})
        self.headers = {"Authorization": f"Bearer {self.user['access_token']}"}

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._answer(method, self._system.commands, path, body)

    def get(self, path: str) -> dict[str, Any]:
        return self._answer("GET", self._system.query, path)

    def _answer(self, method: str, origin: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = f"{origin}/api/v1{path}"
        answer = httpx.request(method, url, json=body, headers=self.headers, timeout=PATIENCE_S)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said

    def post(self, content: str) -> str:
        return str(self.send("POST", "/tweets", {"content": content})["content"])

    def profile(self, text: str) -> None:
        self.send("PATCH", "/users/me", {"display_name": text[:100], "bio": text[:160], "location": text[:100]})
