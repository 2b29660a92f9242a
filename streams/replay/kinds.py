"""What replay knows of each projection on files, beside streams.projections.PROJECTIONS: how to load and verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from infra.trouble import TroubleError
from projections.accounts import invariants as accounts
from projections.accounts.sqlite import SqliteAccountsReader
from projections.accounts.sqlite_bulk import SqliteAccountsBulk
from projections.engagement import invariants as engagement
from projections.engagement.sqlite import SqliteEngagementReader
from projections.engagement.sqlite_bulk import SqliteEngagementBulk
from projections.graph import invariants as graph
from projections.graph.sqlite import SqliteGraphReader
from projections.graph.sqlite_bulk import SqliteGraphBulk
from projections.home_timeline import invariants as home_timeline
from projections.home_timeline.sqlite_bulk import SqliteHomeTimelineBulk, gather
from projections.home_timeline.sqlite_reader import SqliteHomeTimelineReader
from projections.media import invariants as media
from projections.media.sqlite import SqliteMediaReader
from projections.moderation import invariants as moderation
from projections.moderation.sqlite import SqliteModerationReader
from projections.notifications import invariants as notifications
from projections.notifications.sqlite import SqliteNotificationsReader
from projections.notifications.sqlite_bulk import SqliteNotificationsBulk
from projections.search import invariants as search
from projections.search.sqlite import SqliteSearchReader
from projections.search.sqlite_bulk import SqliteSearchBulk
from projections.spam import invariants as spam
from projections.spam.sqlite import SqliteSpamReader
from projections.trends import invariants as trends
from projections.trends.sqlite import SqliteTrendsReader
from projections.tweets import invariants as tweets
from projections.tweets.sqlite import SqliteTweetsReader
from projections.tweets.sqlite_bulk import SqliteTweetsBulk
from schemas.accounts.events import (
    AccountDeactivated,
    AccountErased,
    AccountReactivated,
    AccountRegistered,
    AccountRestored,
    AccountSuspended,
    ProfileEdited,
    ReachChanged,
    RoleChanged,
    SignedIn,
    VerifiedChanged,
)
from schemas.engagements.events import Bookmarked, Unbookmarked
from schemas.follows.events import Blocked, Muted, Unblocked, Unmuted
from schemas.tweets.events import Retweeted, RetweetUndone, TopicsWithdrawn, TweetDeleted, TweetModerated
from streams.parts import plain, with_limits
from streams.projections import PROJECTIONS
from streams.replay.recount.accounts import AccountsRecount
from streams.replay.recount.engagement import EngagementRecount
from streams.replay.recount.graph import GraphRecount
from streams.replay.recount.home_timeline import HomeTimelineRecount
from streams.replay.recount.media import MediaRecount
from streams.replay.recount.moderation import ModerationRecount
from streams.replay.recount.notifications import NotificationsRecount
from streams.replay.recount.search import SearchRecount
from streams.replay.recount.spam import SpamRecount
from streams.replay.recount.trends import TrendsRecount
from streams.replay.recount.tweets import TweetsRecount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import apsw

    from infra.settings import Settings
    from infra.sqlite.bulk import SqliteBulkStore
    from infra.sqlite.content import Content
    from schemas.envelope import Event
    from streams.parts import Projection
    from streams.replay.recount.port import Recount
    from streams.replay.sample import Sample


_STANDING: frozenset[type[Event]] = frozenset(
    {
        AccountSuspended,
        AccountRestored,
        VerifiedChanged,
        RoleChanged,
        ReachChanged,
        AccountDeactivated,
        AccountReactivated,
    }
)


class Kind(NamedTuple):
    """How a projection's file is loaded and verified.

    `open_bulk` loads it at once; without, its store builds it. `passes_over` names events that the projector ignores.
    `weight` is the CPU time of a record in microseconds, from projecting to verification, decoding not included: who
    builds what is shared out by it.
    `pages`: readers are compared page by page, too, because not all tables are a function of the log.
    `mendable`: rows may be put right one by one, and caches hear of it or keep nothing of them. `gather` makes what is
    kept for one reader anew from other rows.
    """

    open_reader: type[Any]  # opened with a path; knows the SCHEMA_VERSION of the files that it reads
    content: Content
    recount: Callable[[Sample], Recount]
    open_bulk: Callable[[Path, str, Settings], SqliteBulkStore] | None = None
    passes_over: frozenset[type[Event]] = frozenset()
    weight: float = 12.0
    pages: bool = False
    mendable: bool = False
    gather: Callable[[apsw.Connection, int], None] | None = None


KINDS: dict[str, Kind] = {
    "accounts": Kind(
        SqliteAccountsReader,
        accounts.CONTENT,
        AccountsRecount,
        open_bulk=plain(SqliteAccountsBulk),
        passes_over=frozenset({SignedIn}),
        weight=3.5,
        mendable=True,
    ),
    "tweets": Kind(
        SqliteTweetsReader,
        tweets.CONTENT,
        TweetsRecount,
        open_bulk=plain(SqliteTweetsBulk),
        weight=16.0,
    ),
    "graph": Kind(
        SqliteGraphReader,
        graph.CONTENT,
        GraphRecount,
        open_bulk=plain(SqliteGraphBulk),
        weight=5.5,
        mendable=True,
    ),
    "engagement": Kind(
        SqliteEngagementReader,
        engagement.CONTENT,
        EngagementRecount,
        open_bulk=plain(SqliteEngagementBulk),
        weight=10.0,
        mendable=True,
    ),
    "home_timeline": Kind(
        SqliteHomeTimelineReader,
        home_timeline.CONTENT,
        HomeTimelineRecount,
        open_bulk=with_limits(SqliteHomeTimelineBulk),
        passes_over=_STANDING
        | {
            Blocked,
            Unblocked,
            Muted,
            Unmuted,
            AccountRegistered,
            ProfileEdited,
            AccountErased,
            TweetModerated,
            TopicsWithdrawn,
        },
        weight=6.5,
        pages=True,
        gather=gather,
    ),
    "search": Kind(
        SqliteSearchReader,
        search.CONTENT,
        SearchRecount,
        open_bulk=plain(SqliteSearchBulk),
        passes_over=_STANDING | {Retweeted, RetweetUndone, SignedIn, TweetModerated, TopicsWithdrawn},
        weight=6.0,
    ),
    "trends": Kind(
        SqliteTrendsReader,
        trends.CONTENT,
        TrendsRecount,
        passes_over=frozenset({Retweeted, RetweetUndone, TweetDeleted, TweetModerated}),
        weight=0.5,
        mendable=True,
    ),
    "notifications": Kind(
        SqliteNotificationsReader,
        notifications.CONTENT,
        NotificationsRecount,
        open_bulk=plain(SqliteNotificationsBulk),
        passes_over=frozenset(
            {
                *(TweetDeleted, TweetModerated, TopicsWithdrawn),
                *(Blocked, Unblocked, Muted, Unmuted, Bookmarked, Unbookmarked),
            }
        ),
        weight=7.0,
        mendable=True,
    ),
    "media": Kind(
        SqliteMediaReader,
        media.CONTENT,
        MediaRecount,
        passes_over=frozenset({AccountRegistered, SignedIn, Retweeted, RetweetUndone}),
        weight=0.3,
        mendable=True,
    ),
    "moderation": Kind(
        SqliteModerationReader,
        moderation.CONTENT,
        ModerationRecount,
        weight=6.0,
        mendable=True,
    ),
    "spam": Kind(
        SqliteSpamReader,
        spam.CONTENT,
        SpamRecount,
        passes_over=frozenset({TweetDeleted, Retweeted, RetweetUndone, TweetModerated}),
        weight=5.5,
        mendable=True,
    ),
}


def chosen(names: Sequence[str]) -> list[Projection]:
    """Return the projections of these names; raises TroubleError for one that there is not."""
    known = {it.name: it for it in PROJECTIONS if it.name in KINDS}
    wanted = list(known) if "all" in names else list(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise TroubleError(f"there is no projection {name!r}", f"there are: all, {', '.join(known)}")
    return [known[name] for name in wanted]
