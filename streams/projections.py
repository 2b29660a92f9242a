"""The table of all projections: what processes run and replays build. Free of Faust, which takes long to load."""

from __future__ import annotations

from projections.accounts import projector as accounts
from projections.accounts.sqlite import SqliteAccountsStore
from projections.engagement import projector as engagement
from projections.engagement.sqlite import SqliteEngagementStore
from projections.graph import projector as graph
from projections.graph.sqlite import SqliteGraphStore
from projections.home_timeline import projector as home_timeline
from projections.home_timeline.sqlite import SqliteHomeTimelineStore
from projections.media import projector as media
from projections.media.sqlite import SqliteMediaStore
from projections.moderation import projector as moderation
from projections.moderation.sqlite import SqliteModerationStore
from projections.notifications import projector as notifications
from projections.notifications.sqlite import SqliteNotificationsStore
from projections.search import projector as search
from projections.search.sqlite import SqliteSearchStore
from projections.spam import projector as spam
from projections.spam.sqlite import SqliteSpamStore
from projections.trends import projector as trends
from projections.trends.sqlite import SqliteTrendsStore
from projections.tweets import projector as tweets
from projections.tweets.sqlite import SqliteTweetsStore
from streams.accounts import agent as accounts_agent
from streams.engagement import agent as engagement_agent
from streams.graph import agent as graph_agent
from streams.home_timeline import agent as home_timeline_agent
from streams.media import agent as media_agent
from streams.moderation import agent as moderation_agent
from streams.notifications import agent as notifications_agent
from streams.parts import Projection, plain, with_limits
from streams.search import agent as search_agent
from streams.spam import agent as spam_agent
from streams.trends import agent as trends_agent
from streams.tweets import agent as tweets_agent

PROJECTIONS: tuple[Projection, ...] = (
    Projection(
        "accounts",
        accounts_agent.TOPICS,
        accounts_agent.accounts_agent,
        accounts.project,
        plain(SqliteAccountsStore),
        schema_version=SqliteAccountsStore.SCHEMA_VERSION,
    ),
    Projection(
        "tweets",
        tweets_agent.TOPICS,
        tweets_agent.tweets_agent,
        tweets.project,
        plain(SqliteTweetsStore),
        schema_version=SqliteTweetsStore.SCHEMA_VERSION,
    ),
    Projection(
        "graph",
        graph_agent.TOPICS,
        graph_agent.graph_agent,
        graph.project,
        plain(SqliteGraphStore),
        schema_version=SqliteGraphStore.SCHEMA_VERSION,
    ),
    Projection(
        "engagement",
        engagement_agent.TOPICS,
        engagement_agent.engagement_agent,
        engagement.project,
        plain(SqliteEngagementStore),
        schema_version=SqliteEngagementStore.SCHEMA_VERSION,
    ),
    Projection(
        "home_timeline",
        home_timeline_agent.TOPICS,
        home_timeline_agent.home_timeline_agent,
        home_timeline.project,
        with_limits(SqliteHomeTimelineStore),
        schema_version=SqliteHomeTimelineStore.SCHEMA_VERSION,
    ),
    Projection(
        "search",
        search_agent.TOPICS,
        search_agent.search_agent,
        search.project,
        plain(SqliteSearchStore),
        schema_version=SqliteSearchStore.SCHEMA_VERSION,
    ),
    Projection(
        "trends",
        trends_agent.TOPICS,
        trends_agent.trends_agent,
        trends.project,
        plain(SqliteTrendsStore),
        schema_version=SqliteTrendsStore.SCHEMA_VERSION,
    ),
    Projection(
        "notifications",
        notifications_agent.TOPICS,
        notifications_agent.notifications_agent,
        notifications.project,
        plain(SqliteNotificationsStore),
        schema_version=SqliteNotificationsStore.SCHEMA_VERSION,
    ),
    Projection(
        "media",
        media_agent.TOPICS,
        media_agent.media_agent,
        media.project,
        plain(SqliteMediaStore),
        schema_version=SqliteMediaStore.SCHEMA_VERSION,
    ),
    Projection(
        "moderation",
        moderation_agent.TOPICS,
        moderation_agent.moderation_agent,
        moderation.project,
        plain(SqliteModerationStore),
        schema_version=SqliteModerationStore.SCHEMA_VERSION,
    ),
    Projection(
        "spam",
        spam_agent.TOPICS,
        spam_agent.spam_agent,
        spam.project,
        plain(SqliteSpamStore),
    ),
)
