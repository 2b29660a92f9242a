"""What of the media's file is content, and what always holds in it."""

from __future__ import annotations

from infra.sqlite.content import Content, Invariant, Table
from projections.media.read_model import State

CONTENT = Content(
    tables=(
        Table("media", ("media_id",)),
        Table("attached", ("media_id",)),
        Table("tweets_gone", ("tweet_id",)),
        Table("tweets_hidden", ("tweet_id",)),
        Table("slots", ("owner_id", "slot")),
    ),
    invariants=(
        Invariant(
            "what is ready has a size in pixels",
            f"SELECT media_id FROM media WHERE state = {State.READY:d} AND (width < 1 OR height < 1)",
        ),
        Invariant(
            "a tweet that is gone had media",
            "SELECT tweet_id FROM tweets_gone WHERE tweet_id NOT IN (SELECT tweet_id FROM attached)",
        ),
        Invariant(
            "what was never settled has no file",
            f"SELECT media_id FROM media WHERE state <> {State.READY:d} AND file <> ''",
        ),
    ),
)
