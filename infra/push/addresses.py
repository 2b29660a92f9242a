"""Which addresses a message may be sent to: those of the public internet, looked up once and connected to as found.

Whoever subscribes names the host. So every address that its name stands for is checked before any is used; a name that
stands for anything private as well is refused whole; and the connection goes to the address that was checked, not to
the name, which might stand for another a moment later. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Resolve = Callable[[str, int], Awaitable[list[str]]]

MAX_URL_CHARS = 2_048
HTTPS_PORT = 443
RESOLVE_SECONDS = 5.0


class ForbiddenAddressError(Exception):
    """The URL is none that messages are sent to, or its host stands for an address that is not public."""


class Target(NamedTuple):
    """Where to connect, and as whom: the address that was checked, the name that the certificate must have."""

    url: str
    host: str
    authority: str


def check_url(url: str, *, allow_loopback: bool = False) -> None:
    """Refuse what is no plain https URL of a named host; `allow_loopback`, for tests, lets http and ports through."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenAddressError("no URL") from error
    plain = parts.username is None and parts.password is None and not parts.fragment
    printable = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if len(url) > MAX_URL_CHARS or not (plain and printable and parts.hostname):
        raise ForbiddenAddressError("no plain URL")
    if allow_loopback and parts.scheme in {"http", "https"}:
        return
    if parts.scheme != "https" or port not in {None, HTTPS_PORT} or _is_address(parts.hostname or ""):
        raise ForbiddenAddressError("messages go to named hosts, by https, at its own port")


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Tell whether an address is one of the public internet; IPv4 within IPv6 is looked at as IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        within = (found.ipv4_mapped, found.sixtofour, found.teredo and found.teredo[1], _nat64(found))
        for inner in within:
            if inner is not None:
                return is_public(str(inner), allow_loopback=allow_loopback)
    if found.is_loopback:
        return allow_loopback
    if any(found in network for network in _SPECIAL if network.version == found.version):
        return False
    if isinstance(found, ipaddress.IPv6Address) and found not in _GIVEN_OUT:
        return False
    refused = found.is_multicast or found.is_unspecified or found.is_reserved or found.is_link_local or found.is_private
    return found.is_global and not refused


async def resolve(host: str, port: int) -> list[str]:
    """Return all addresses that a name stands for."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise OSError(f"{host} was not found in {RESOLVE_SECONDS} s") from error
    return list(dict.fromkeys(str(it[4][0]) for it in found))


async def target_of(url: str, *, allow_loopback: bool = False, resolve: Resolve = resolve) -> Target:
    """Return where a message to a URL goes; raises ForbiddenAddressError, or OSError where the name is not found."""
    check_url(url, allow_loopback=allow_loopback)
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = await resolve(host, parts.port or HTTPS_PORT)
    if not found or not all(is_public(address, allow_loopback=allow_loopback) for address in found):
        raise ForbiddenAddressError(f"{host} stands for addresses that are not public")
    address = f"[{found[0]}]" if ":" in found[0] else found[0]
    port = f":{parts.port}" if parts.port else ""
    return Target(parts._replace(netloc=f"{address}{port}").geturl(), host, parts.netloc)


def _is_address(host: str) -> bool:
    """Tell whether a host is an address in any way of writing one that a resolver reads: 127.1, 0x7f000001, ::1."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")
    return True


_SPECIAL = tuple(  # beside those that the standard library knows of: IANA's special-purpose registries
    ipaddress.ip_network(it) for it in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")
)
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
