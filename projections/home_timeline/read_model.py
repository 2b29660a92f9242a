"""What a home timeline is, as both its sides agree: shapes, limits and the reader's port.

Definition: the tweets, quotes and retweets of the accounts that the viewer follows now and the viewer's own, and their
replies where the viewer follows (or is) the parent's author; newest first. Pushed or pulled, the list is the same.
Deleted tweets, blocks and mutes are taken out by the query, which also collapses a retweet and its original.
"""

from __future__ import annotations

from typing import Protocol

from infra.projections import ProjectionReader

PROJECTION = "home_timeline"
TOPICS = ("accounts", "follows", "tweets")

TIMELINE_CAP_ENTRIES = 800  # kept per live reader; older pages are pulled
TRIM_ONE_IN = 128  # a push trims this share of its audience: a timeline holds some 128 entries of slack on average
FILL_PER_AUTHOR = 100  # newest entries of each followee when a reader's timeline is opened


class HomeTimelineReader(ProjectionReader, Protocol):
    """Home timelines by viewer."""

    def page(self, viewer_id: int, max_id: int | None, limit: int) -> list[int]:
        """Return the newest tweets below `max_id` (exclusive; None: from the newest), newest first, each once.

        Fewer than `limit` mean that the timeline ends there.
        """
