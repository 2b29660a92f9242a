"""What is recorded of a projection's generations: which builds of it there are, how each is, and which one is read.

A generation is one build of a projection. Replay begins one beside those that serve, stream workers keep up every one
that is `following`, readers follow the pointer `active`, and a roll-back moves it to `previous`, which was kept up all
the while. Where nothing is recorded there is generation 1, followed and active.

    building ──▶ following ──▶ dropping ──▶ forgotten
       │  ▲  └─▶ frozen ─────────▲
       ▼  │                      │
      failed ────────────────────┘
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

import msgspec

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable

UNKNOWN_VERSION = 0
LIST = "look at `murmur generations list`"

Positions = dict[str, int]
"""Partition of a topic, as `tweets/3` → an offset."""


class State(enum.StrEnum):
    """How a generation is."""

    BUILDING = "building"
    FOLLOWING = "following"  # caught up, and kept up by the stream workers
    FROZEN = "frozen"  # built up to a moment for `?as_of`, never read otherwise
    FAILED = "failed"
    DROPPING = "dropping"  # nobody may use it any more; `gc` deletes it, or goes on deleting it


class Verification(msgspec.Struct, frozen=True):
    """What came of comparing a generation with the log: a digest of what was compared, and one line for people."""

    verified: bool
    at_ms: int
    digest: str
    report: str


class Generation(msgspec.Struct, frozen=True):
    """One build. `since`, `until`: the first record read and the end (exclusive) where they are not the log's own."""

    number: int
    state: State
    made_at_ms: int
    schema_version: int = UNKNOWN_VERSION  # of the store's layout and rules; unknown: the store itself tells
    since: Positions = {}
    until: Positions = {}
    until_ms: int | None = None
    verification: Verification | None = None
    served: bool = False  # whether it was active at some time
    note: str = ""  # why it failed, or what it was made for

    @property
    def trusted(self) -> bool:
        """Whether it may be read without force: it was verified, or was read before."""
        return self.served or (self.verification is not None and self.verification.verified)

    def is_of(self, schema_version: int) -> bool:
        """Tell whether code of this version may open it; of an unknown one the store itself has to tell."""
        return self.schema_version in (UNKNOWN_VERSION, schema_version)


class Change(msgspec.Struct, frozen=True):
    """One line of the audit: who did what to which generation."""

    at_ms: int
    who: str
    what: str
    number: int
    forced: bool = False
    note: str = ""


class Record(msgspec.Struct, frozen=True):
    """All that is recorded of a projection's generations; `last` is the highest number ever given."""

    projection: str
    active: int = 1
    previous: int | None = None
    last: int = 1
    generations: tuple[Generation, ...] = ()
    audit: tuple[Change, ...] = ()

    def get(self, number: int) -> Generation | None:
        """Return a generation, or None where there is none of this number."""
        return next((it for it in self.generations if it.number == number), None)

    def known(self, number: int) -> Generation:
        """Return a generation; raises TroubleError where there is none of this number."""
        found = self.get(number)
        if found is None:
            raise TroubleError(f"{self.projection} has no generation {number}", LIST)
        return found

    def followed(self, schema_version: int) -> tuple[Generation, ...]:
        """Return those that a stream worker of this version keeps up to date."""
        return tuple(it for it in self.generations if it.state is State.FOLLOWING and it.is_of(schema_version))

    def candidates(self, schema_version: int) -> tuple[Generation, ...]:
        """Return what a reader of this version may read, best first: the active one, then trusted ones, newest first.

        So processes of two versions read each its own while both are followed.
        """
        others = sorted(self.followed(schema_version), key=lambda it: -it.number)
        active = tuple(it for it in self.generations if it.number == self.active and it.is_of(schema_version))
        return active + tuple(it for it in others if it.trusted and it.number != self.active)


class Kept(Protocol):
    """Where records are kept."""

    def of(self, projection: str) -> Record:
        """Return what is recorded, or `unrecorded`."""

    def change(self, projection: str, decide: Callable[[Record], Record]) -> Record:
        """Put what is decided upon the record in its place, in one atomic step; return it.

        `decide` may be asked again where another change came in between; what it raises changes nothing.
        """


def unrecorded(projection: str, schema_version: int = UNKNOWN_VERSION) -> Record:
    """Return what holds where nothing is recorded."""
    first = Generation(1, State.FOLLOWING, 0, schema_version, served=True)
    return Record(projection, generations=(first,))
