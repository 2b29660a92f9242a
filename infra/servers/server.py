"""What a server is to the launcher: where its software comes from, how it is configured, when it is ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_NETWORK = "127.0.0"


class Node(NamedTuple):
    """Which node of how many that form one cluster: each has a loopback address of its own, and all the same ports."""

    number: int = 1
    of: int = 1

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return f"{_NETWORK}.{self.number}"

    @property
    def hosts(self) -> list[str]:
        """The addresses of all of them."""
        return [Node(number).host for number in range(1, self.of + 1)]


ALONE = Node()
MAX_COPIES = 3  # of what a cluster keeps, where it has so many nodes


@dataclass(frozen=True, slots=True)
class Place:
    """One instance: `software` as fetched, `folder` for its configuration and data, and its ports by name."""

    software: Path
    folder: Path
    ports: Mapping[str, int]
    node: Node = ALONE

    @property
    def data(self) -> Path:
        """Folder of what must outlive the process."""
        return self.folder / "data"

    @property
    def client_port(self) -> int:
        """The port that clients connect to: the first one."""
        return next(iter(self.ports.values()))


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server; the functions are told the Place."""

    name: str
    version: str
    ports: tuple[str, ...]
    """Names of its ports, the one of the clients first."""
    fetch: Callable[[Path], None]
    """Fills a new folder with this version's software; called once per version and machine."""
    command: Callable[[Place], Sequence[str]]
    """Writes the configuration, prepares the data folder where that is new, and returns the command line."""
    is_ready: Callable[[str, int], bool]
    """Asks an address and its client port, in the server's own protocol, whether it serves."""
    address: Callable[[str, int], str]
    """What the setting is given for an address and its client port."""
    setting: str = ""
    """Name of the setting that tells the processes where it is; empty: none yet."""
    logins: Callable[[Place], Mapping[str, str]] | None = None
    """Addresses with a user of their own, by setting; the passwords stay what they were."""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Further settings that its clients need: how to log in."""
    copies: Callable[[int], Mapping[str, str]] | None = None
    """Settings of a cluster of so many nodes; None: several nodes of it form none."""
    ready_seconds: float = 60.0
    stop_seconds: float = 20.0
