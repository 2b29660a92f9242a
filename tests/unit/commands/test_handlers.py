"""What handlers decide, as tables: command and state in, events or a refusal out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from commands import claims
from commands.accounts import handler as accounts
from commands.accounts.command import EditProfile, Register
from commands.decision import Decision, Stamp
from commands.engagement import handler as engagement
from commands.engagement.command import Engage
from commands.engagement.found import EngageFound
from commands.errors import CommandRefusedError
from commands.graph import handler as graph
from commands.graph.command import Relate
from commands.graph.found import RelationFound
from commands.tweets import handler as tweets
from commands.tweets import text
from commands.tweets.command import PostTweet, TweetCommand
from commands.tweets.found import DeleteFound, PostFound, Reference, RetweetFound
from projections.accounts.read_model import Account
from projections.graph.read_model import Relation
from projections.tweets.read_model import Kind, Tweet
from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.tweets.events import TweetDeleted, TweetPosted

if TYPE_CHECKING:
    from collections.abc import Callable

ADA, BOB = 1, 2
NOW_MS = 1_700_000_000_000
STRANGERS = Relation(following=False, followed_by=False, blocking=False, blocked_by=False, muting=False)


def stamp() -> Stamp:
    return Stamp(ADA, NOW_MS, "request", itertools.count(1000).__next__)


def tweet(tweet_id: int, author_id: int = BOB, kind: Kind = Kind.TWEET, **more: int) -> Tweet:
    fields = {"conversation_id": tweet_id, "parent_id": 0, "parent_author_id": 0, "original_id": 0}
    fields |= {"original_author_id": 0, "quoted_id": 0, **more}
    return Tweet(tweet_id=tweet_id, author_id=author_id, kind=kind, body=b"", **fields)  # type: ignore[arg-type]  # ids


def names(decision: Decision) -> list[str]:
    return [type(event).__name__ for event in decision.events]


RELATE = Relate(ADA, BOB)
GRAPH: list[tuple[Callable[..., Decision], dict[str, bool], bool, list[str]]] = [
    (graph.follow, {}, True, ["Followed"]),
    (graph.follow, {"following": True}, True, []),
    (graph.follow, {"following": True}, False, ["Followed"]),
    (graph.unfollow, {}, True, []),
    (graph.unfollow, {}, False, ["Unfollowed"]),
    (graph.unfollow, {"following": True}, True, ["Unfollowed"]),
    (graph.unfollow, {"blocked_by": True}, True, []),
    (graph.block, {}, True, ["Blocked", "Unfollowed", "Unfollowed"]),
    (graph.block, {"following": True, "followed_by": True}, True, ["Blocked", "Unfollowed", "Unfollowed"]),
    (graph.block, {"blocking": True}, True, []),
    (graph.block, {"blocking": True}, False, ["Blocked", "Unfollowed", "Unfollowed"]),
    (graph.block, {"blocked_by": True}, True, ["Blocked", "Unfollowed", "Unfollowed"]),
    (graph.unblock, {}, True, []),
    (graph.unblock, {"blocking": True}, True, ["Unblocked"]),
    (graph.unblock, {}, False, ["Unblocked"]),
    (graph.mute, {}, True, ["Muted"]),
    (graph.mute, {"muting": True}, True, []),
    (graph.unmute, {"muting": True}, True, ["Unmuted"]),
    (graph.unmute, {}, True, []),
]


@pytest.mark.parametrize(("decide", "relation", "certain", "events"), GRAPH)
def test_a_relation_changes_where_it_differs_or_is_not_certain(
    decide: Callable[..., Decision], relation: dict[str, bool], certain: bool, events: list[str]
) -> None:
    found = RelationFound(exists=True, relation=STRANGERS._replace(**relation), certain=certain)
    assert names(decide(RELATE, found, stamp())) == events


def test_a_block_ends_each_follow_under_its_own_followers_key() -> None:
    found = RelationFound(exists=True, relation=STRANGERS._replace(following=True, followed_by=True))
    _, mine, theirs = graph.block(RELATE, found, stamp()).events
    assert (mine.user_id, mine.target_id) == (ADA, BOB)  # type: ignore[attr-defined]
    assert (theirs.user_id, theirs.target_id) == (BOB, ADA)  # type: ignore[attr-defined]
    assert len({it.envelope.event_id for it in (mine, theirs)}) == 2


@pytest.mark.parametrize("decide", [row[0] for row in GRAPH])
def test_there_is_no_relation_to_oneself_or_to_nobody(decide: Callable[..., Decision]) -> None:
    for command, exists, code in ((Relate(ADA, ADA), True, "self_relation"), (RELATE, False, "user_not_found")):
        with pytest.raises(CommandRefusedError) as refused:
            decide(command, RelationFound(exists=exists, relation=STRANGERS), stamp())
        assert refused.value.code == code


def test_a_block_is_claimed_and_a_follow_stands_only_while_no_block_is() -> None:
    found = RelationFound(exists=True, relation=STRANGERS)
    (claim,) = graph.block(RELATE, found, stamp()).claims
    follows = [graph.follow(relate, found, stamp()) for relate in (RELATE, Relate(BOB, ADA))]
    assert all(claim.key in follow.free for follow in follows)
    claimed = RelationFound(exists=True, relation=STRANGERS, certain=False, claimed=True)
    assert names(graph.block(RELATE, claimed, stamp())) == []
    assert graph.unblock(RELATE, claimed, stamp()).releases == (claim,)


@pytest.mark.parametrize("side", ["blocking", "blocked_by"])
def test_a_follow_does_not_cross_a_block(side: str) -> None:
    with pytest.raises(CommandRefusedError, match="blocked"):
        graph.follow(RELATE, RelationFound(exists=True, relation=STRANGERS._replace(**{side: True})), stamp())


ENGAGE: list[tuple[Callable[..., Decision], bool, bool, bool, list[str]]] = [
    (engagement.like, False, True, False, ["Liked"]),
    (engagement.like, True, True, False, []),
    (engagement.like, True, False, False, ["Liked"]),
    (engagement.unlike, True, True, True, ["Unliked"]),
    (engagement.unlike, False, True, True, []),
    (engagement.unlike, False, False, False, ["Unliked"]),
    (engagement.bookmark, False, True, False, ["Bookmarked"]),
    (engagement.bookmark, True, True, False, []),
    (engagement.unbookmark, True, True, True, ["Unbookmarked"]),
    (engagement.unbookmark, False, True, True, []),
]


@pytest.mark.parametrize(("decide", "is_so", "certain", "blocked", "events"), ENGAGE)
def test_an_engagement_changes_where_it_differs_or_is_not_certain(
    decide: Callable[..., Decision], is_so: bool, certain: bool, blocked: bool, events: list[str]
) -> None:
    found = EngageFound(Reference(tweet(7), blocked), is_so, is_so, 5, certain)
    assert names(decide(Engage(ADA, 7), found, stamp())) == events


@pytest.mark.parametrize(("liked", "before", "after"), [(False, 5, 6), (True, 5, 5), (True, 0, 1)])
def test_a_like_tells_the_count_that_it_makes(liked: bool, before: int, after: int) -> None:
    answer: Any = engagement.like(
        Engage(ADA, 7), EngageFound(Reference(tweet(7), False), liked, False, before), stamp()
    )
    assert answer.answer.likes_count == after


@pytest.mark.parametrize("decide", [engagement.like, engagement.bookmark])
def test_a_blocked_account_does_not_engage(decide: Callable[..., Decision]) -> None:
    with pytest.raises(CommandRefusedError, match="blocked"):
        decide(Engage(ADA, 7), EngageFound(Reference(tweet(7), True), False, False, 0), stamp())


def post(found: PostFound, content: str = "hello #a #a") -> TweetPosted:
    (event,) = tweets.post_tweet(PostTweet(ADA, content), text.extract(content), found, stamp()).events
    assert isinstance(event, TweetPosted)
    return event


def test_a_post_says_what_it_refers_to() -> None:
    plain = post(PostFound())
    assert (plain.conversation_id, plain.hashtags) == (plain.tweet_id, ["a"])
    parent = Reference(tweet(7, conversation_id=5), blocked=False)
    reply = post(PostFound(parent=parent, quoted=Reference(tweet(8, author_id=3), blocked=False)))
    assert (reply.reply_to_tweet_id, reply.reply_to_author_id, reply.conversation_id) == (7, BOB, 5)
    assert (reply.quoted_tweet_id, reply.quoted_author_id) == (8, 3)
    quote = post(PostFound(quoted=Reference(tweet(8), blocked=False)))
    assert (quote.reply_to_tweet_id, quote.conversation_id) == (None, quote.tweet_id)


BARRED = Reference(tweet(7), blocked=True)


@pytest.mark.parametrize("found", [PostFound(parent=BARRED), PostFound(quoted=BARRED)])
def test_a_post_does_not_refer_across_a_block(found: PostFound) -> None:
    with pytest.raises(CommandRefusedError, match="blocked"):
        post(found)


DELETIONS: list[tuple[DeleteFound, list[str] | str]] = [
    (DeleteFound(tweet(7, ADA), None), ["TweetDeleted"]),
    (DeleteFound(tweet(7, ADA, Kind.RETWEET, original_id=5), None, claimed=True), ["RetweetUndone"]),
    (DeleteFound(None, ADA), []),
    (DeleteFound(None, BOB), "tweet_not_found"),
    (DeleteFound(None, None), "tweet_not_found"),
    (DeleteFound(tweet(7, BOB), None), "not_the_author"),
    (DeleteFound(tweet(7, BOB, Kind.RETWEET, original_id=5), None), "not_the_author"),
]


@pytest.mark.parametrize(("found", "outcome"), DELETIONS)
def test_a_tweet_is_deleted_by_its_author(found: DeleteFound, outcome: list[str] | str) -> None:
    if isinstance(outcome, str):
        with pytest.raises(CommandRefusedError) as refused:
            tweets.delete_tweet(TweetCommand(ADA, 7), found, stamp())
        assert refused.value.code == outcome
    else:
        assert names(tweets.delete_tweet(TweetCommand(ADA, 7), found, stamp())) == outcome


def test_a_deletion_names_what_the_tweet_referred_to_and_claims_that_it_is_gone() -> None:
    found = DeleteFound(tweet(7, ADA, Kind.REPLY, parent_id=3, quoted_id=4), None)
    decision = tweets.delete_tweet(TweetCommand(ADA, 7), found, stamp())
    (event,) = decision.events
    assert isinstance(event, TweetDeleted)
    assert (event.reply_to_tweet_id, event.quoted_tweet_id) == (3, 4)
    assert decision.claims == (claims.deleted(7, ADA),)


@pytest.mark.parametrize(("claimed", "releases"), [(True, (claims.retweet(ADA, 7, 9),)), (False, ())])
def test_a_retweet_is_claimed_and_its_undoing_releases_the_claim(claimed: bool, releases: tuple[Any, ...]) -> None:
    found = RetweetFound(Reference(tweet(7), blocked=False), 0, claimed=False, retweets_count=3)
    done = tweets.retweet(TweetCommand(ADA, 7), found, stamp())
    assert (names(done), done.claims) == (["Retweeted"], (claims.retweet(ADA, 7, 1000),))
    mine = found._replace(retweet_id=9, claimed=claimed)
    assert names(tweets.retweet(TweetCommand(ADA, 7), mine, stamp())) == []
    undone = tweets.undo_retweet(TweetCommand(ADA, 7), mine, stamp())
    assert (names(undone), undone.releases) == (["RetweetUndone"], releases)
    assert undone.claims == (claims.deleted(9, ADA),)
    assert names(tweets.undo_retweet(TweetCommand(ADA, 7), found, stamp())) == []


def test_a_registration_claims_its_name_without_case_and_signs_in() -> None:
    decision = accounts.register(Register("Ada_1", "a@b.co", "", "", ""), 5, b"sealed", "digest", stamp())
    registered, signed_in = decision.events
    assert isinstance(registered, AccountRegistered)
    assert (registered.display_name, registered.email) == ("Ada_1", b"sealed")
    assert isinstance(signed_in, SignedIn)
    assert [claim.key for claim in decision.claims] == ["username:ada_1", "email:digest"]


ACCOUNT = Account(ADA, "ada", "Ada", "bio", "", "", "", False, "ACTIVE", NOW_MS)
EDITS: list[tuple[dict[str, str], bool, dict[str, str]]] = [
    ({}, True, {}),
    ({"bio": "bio"}, True, {}),
    ({"bio": "bio"}, False, {"bio": "bio"}),
    ({"bio": "", "location": "Turin"}, True, {"bio": "", "location": "Turin"}),
    ({"display_name": ""}, True, {"display_name": "ada"}),
]


@pytest.mark.parametrize(("wanted", "certain", "changed"), EDITS)
def test_an_edit_says_what_differs(wanted: dict[str, str], certain: bool, changed: dict[str, str]) -> None:
    fields = ("display_name", "bio", "location", "profile_image_url", "banner_image_url")
    asked = {field: wanted.get(field) for field in fields}
    command = EditProfile(ADA, **asked)  # type: ignore[arg-type]  # none of them is an id
    decision = accounts.edit_profile(command, ACCOUNT, stamp(), certain=certain)
    said = {field: getattr(event, field) for event in decision.events for field in fields}
    assert {field: text for field, text in said.items() if text is not None} == changed
