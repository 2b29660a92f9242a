"""Who listens: author → the viewers who are here and are told of its tweets. Pure.

Follows are kept as packed numbers, 12 bytes each: a viewer has hundreds, and most viewers are idle. A viewer who leaves
is left in the lists of authors, where nobody answers for it any more, until a sweep.
"""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from projections.tweets.read_model import Tweet
    from query_api.live.messages import Message
    from query_api.live.positions import Vector
    from schemas.envelope import Event

_numbers = count()
NOBODY: frozenset[int] = frozenset()


class Sink(Protocol):
    """Where a stream's messages go."""

    def send(self, message: Message) -> bool:
        """Hand on a message without waiting; False where the reader is too far behind to be told more."""

    def is_stuck(self) -> bool:
        """Tell whether the reader has taken nothing of what was left since the last call."""

    def close(self, reason: str) -> None:
        """End the stream, and say why."""


class Wanted(NamedTuple):
    """What a stream asks for, and by whose leave, until when; `since`: the id it goes on from, None for from now on.

    `tweet_ids` are those whose counters, `place` the place whose trends (0: none) are told.
    """

    session_id: int
    until_ms: int
    home: bool = True
    notifications: bool = False
    tweet_ids: frozenset[int] = NOBODY
    place: int = 0
    since: Vector | None = None


class Stream:
    """One open stream, and what it asked for."""

    __slots__ = ("counters", "home", "notifications", "number", "place", "session_id", "sink", "until_ms", "viewer")

    def __init__(self, viewer: Viewer, wanted: Wanted, sink: Sink) -> None:
        self.viewer = viewer
        self.session_id = wanted.session_id
        self.until_ms = wanted.until_ms
        self.sink = sink
        self.home = wanted.home
        self.notifications = wanted.notifications
        self.counters: frozenset[int] = NOBODY
        self.place = wanted.place
        self.number = next(_numbers)


class Viewer:
    """An account that has streams open: whom it follows, and whose tweets it does not see."""

    __slots__ = ("blocked_by", "blocking", "follows", "muting", "pins", "slot", "streams", "user_id")

    def __init__(self, user_id: int, slot: int) -> None:
        self.user_id = user_id
        self.slot = slot
        self.pins = 0  # streams open, or being opened
        self.follows: array[int] = array("q")
        self.blocking: set[int] | frozenset[int] = NOBODY
        self.blocked_by: set[int] | frozenset[int] = NOBODY
        self.muting: set[int] | frozenset[int] = NOBODY
        self.streams: tuple[Stream, ...] = ()

    def blocks(self, user_id: int) -> bool:
        """Tell whether a block stands between the two."""
        return user_id in self.blocking or user_id in self.blocked_by

    def hides(self, user_id: int) -> bool:
        """Tell whether the viewer does not see the account's tweets."""
        return user_id in self.blocking or user_id in self.blocked_by or user_id in self.muting

    def is_told(self, tweet: Tweet, heard: Collection[int]) -> bool:
        """Tell whether the viewer is told of a tweet (see Index.audience); `heard`: whom it follows, and itself."""
        author, parent = tweet.author_id, tweet.parent_author_id
        if author not in heard or self.hides(author) or (tweet.original_id and self.hides(tweet.original_author_id)):
            return False
        return not parent or parent in heard or author == self.user_id


class Index:
    """The viewers who are here."""

    def __init__(self) -> None:
        self.viewers: dict[int, Viewer] = {}
        self._by_slot: dict[int, Viewer] = {}
        self._listeners: dict[int, array[int]] = {}
        self._next_slot = 0
        self._left = 0

    def enter(self, user_id: int, follows: Iterable[int]) -> Viewer:
        """Take in a viewer who is not here yet; an account always listens to itself."""
        viewer = Viewer(user_id, self._next_slot)
        self._next_slot += 1
        self.viewers[user_id] = self._by_slot[viewer.slot] = viewer
        viewer.follows = array("q", sorted({user_id, *follows}))
        for author in viewer.follows:
            self._list(viewer, author)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        del self.viewers[viewer.user_id], self._by_slot[viewer.slot]
        self._left += len(viewer.follows)

    def sweep(self) -> None:
        """Take those who left out of the lists of authors, once they are as many as those who are here."""
        if self._left <= sum(len(viewer.follows) for viewer in self._by_slot.values()):
            return
        self._left = 0
        for author, slots in list(self._listeners.items()):
            here = array("Q", [slot for slot in slots if slot in self._by_slot])
            if here:
                self._listeners[author] = here
            else:
                del self._listeners[author]

    def has_listeners(self, author: int) -> bool:
        """Tell whether anybody may be told of an author's tweets."""
        return author in self._listeners

    def listeners(self, author: int) -> Iterator[Viewer]:
        """Return the viewers who follow an author, and the author."""
        for slot in self._listeners.get(author, ()):
            viewer = self._by_slot.get(slot)
            if viewer is not None:
                yield viewer

    def audience(self, author: int, parent_author: int = 0, original_author: int = 0) -> list[Viewer]:
        """Return who is told of a tweet: those who follow the author and, of a reply, also whom it answers (SPEC §5).

        Less those who hide the author or, of a retweet, the original's.
        """
        found = [it for it in self.listeners(author) if not it.hides(author)]
        if original_author:
            found = [it for it in found if not it.hides(original_author)]
        if parent_author:
            answered = {it.slot for it in self.listeners(parent_author)}
            found = [it for it in found if it.slot in answered or it.user_id == author]
        return found

    def apply(self, event: Event) -> None:
        """Follow what became of a relation."""
        match event:
            case Followed(user_id=user, target_id=target) if user in self.viewers:
                self._listen(self.viewers[user], target)
            case Unfollowed(user_id=user, target_id=target) if user in self.viewers:
                self._unlisten(self.viewers[user], target)
            case Blocked(user_id=user, target_id=target):
                self._avert(user, target, "blocking", stands=True)
                self._avert(target, user, "blocked_by", stands=True)
            case Unblocked(user_id=user, target_id=target):
                self._avert(user, target, "blocking", stands=False)
                self._avert(target, user, "blocked_by", stands=False)
            case Muted(user_id=user, target_id=target):
                self._avert(user, target, "muting", stands=True)
            case Unmuted(user_id=user, target_id=target):
                self._avert(user, target, "muting", stands=False)
            case _:
                pass

    def _listen(self, viewer: Viewer, author: int) -> None:
        if author in viewer.follows:
            return
        viewer.follows.append(author)
        self._list(viewer, author)

    def _list(self, viewer: Viewer, author: int) -> None:
        listeners = self._listeners.get(author)
        if listeners is None:
            self._listeners[author] = array("Q", (viewer.slot,))
        else:
            listeners.append(viewer.slot)

    def _unlisten(self, viewer: Viewer, author: int) -> None:
        if author == viewer.user_id or author not in viewer.follows:
            return
        viewer.follows.remove(author)
        self._listeners[author].remove(viewer.slot)

    def _avert(self, user: int, other: int, kind: str, *, stands: bool) -> None:
        viewer = self.viewers.get(user)
        if viewer is None:
            return
        others = {*getattr(viewer, kind), other} if stands else getattr(viewer, kind) - {other}
        setattr(viewer, kind, others or NOBODY)
