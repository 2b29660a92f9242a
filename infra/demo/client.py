"""The demo's people as clients of the command API: they sign in when they first act, and wait when told to."""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from infra.demo.account import Passwords
    from infra.demo.people import Person

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0
REQUEST_SECONDS = 15.0
_LATER = {http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE}


class Api:
    """The command API; requests that are turned down for now, or not answered, are sent again until they are."""

    def __init__(
        self,
        base_url: str,
        dice: Random,
        say: Callable[[str], None] = lambda _: None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=f"{base_url}/api/v1", timeout=REQUEST_SECONDS, transport=transport)
        self._dice = dice
        self._say = say
        self._silent = False

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = "", key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body of the first answer that is neither 429 nor 503.

        `key` makes a repeat harmless (Idempotency-Key): without it a lost answer may mean that it was done twice.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                self._hear_nothing(error)
                told = None
            else:
                self._silent = False
                if answer.status_code not in _LATER:
                    return answer.status_code, answer.json() if answer.content else {}
                told = answer.headers.get("Retry-After")
            seconds = float(told) if told and told.isdecimal() else wait
            await asyncio.sleep(seconds * self._dice.uniform(1.0, 1.5))
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _hear_nothing(self, error: httpx.TransportError) -> None:
        if not self._silent:
            self._silent = True
            self._say(f"{self._http.base_url} does not answer ({type(error).__name__}); waiting for `murmur up`")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class Member:
    """A person with an account."""

    def __init__(self, api: Api, passwords: Passwords, person: Person, dice: Random) -> None:
        self.person = person
        self.user_id = ""
        self._api = api
        self._passwords = passwords
        self._dice = dice
        self._token = ""
        self._signing_in = asyncio.Lock()

    async def sign_in(self) -> None:
        """Log in, or register where there is no such account; a repeat renews the token.

        What is likelier to succeed goes first: an address has few sign-ins a minute.
        """
        body = {"username": self.person.username, "password": self._passwords.of(self.person.username)}
        profile = {
            "display_name": self.person.display_name, "bio": self.person.bio, "location": self.person.location
        }  # fmt: skip
        ways = [("/auth/register", {**body, **profile}), ("/auth/login", body)]
        for path, request in ways[::-1] if self._passwords.settled else ways:
            status, answer = await self._api.send("POST", path, request)
            if "access_token" in answer:
                self._token, self.user_id = answer["access_token"], answer["user"]["user_id"]
                return
        raise PermissionError(
            f"{self.person.username} cannot sign in ({status} {answer.get('code', '')})"
            "; use the data folder that the people were registered in"
        )

    async def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Send a command; return its answer, or None where it was refused (a tweet is gone, a follow is there)."""
        key = f"{self._dice.getrandbits(128):032x}"
        for _ in range(2):
            async with self._signing_in:
                if not self._token:
                    await self.sign_in()
            status, answer = await self._api.send(method, path, body, self._token, key)
            if status != http.HTTPStatus.UNAUTHORIZED:
                return answer if status < http.HTTPStatus.BAD_REQUEST else None
            self._token = ""  # it has expired
        return None
