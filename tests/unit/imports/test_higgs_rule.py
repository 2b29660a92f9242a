"""The rule of the Higgs file, against answers worked out by hand and against a naive recomputation."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.imports.errors import ImportFileError
from commands.imports.files import read_higgs
from commands.imports.higgs import HiggsPlan
from commands.imports.plan import Audience
from commands.imports.rules import check, claims_of
from schemas.accounts.events import AccountRegistered, SignedIn
from schemas.follows.events import Followed
from schemas.tweets.events import Retweeted, TweetPosted
from tests.naive_higgs import Entry, NaiveHiggs

if TYPE_CHECKING:
    from schemas.envelope import Event

T = 1_341_100_972

HAND_MADE = f"""\
1 2 {T} MT
2 1 {T} RT
2 1 {T + 1} RT
3 1 {T + 1} RE
4 3 {T + 2} RT
5 5 {T + 3} RE
3 1 {T + 4} RT
3 1 {T + 4} RT
3 1 {T + 4} RT
1 4 {T + 9} RT
"""
BY_HAND = [
    (T, "TWEET", "higgs_1", None),  # 0: names 2
    (T, "RETWEET", "higgs_2", 0),
    (T + 1, "TWEET", "higgs_1", None),  # 2: 2 has retweeted all of 1 already
    (T + 1, "RETWEET", "higgs_2", 2),
    (T + 1, "REPLY", "higgs_3", 2),  # 4: the newest of 1
    (T + 2, "RETWEET", "higgs_4", 4),  # a reply is retweeted like a tweet
    (T + 3, "TWEET", "higgs_5", None),  # 6: 5 answers itself, and has nothing yet
    (T + 3, "REPLY", "higgs_5", 6),
    (T + 4, "RETWEET", "higgs_3", 2),  # newest first
    (T + 4, "RETWEET", "higgs_3", 0),
    (T + 4, "TWEET", "higgs_1", None),  # 10: nothing of 1 is left for 3
    (T + 4, "RETWEET", "higgs_3", 10),
    (T + 9, "TWEET", "higgs_4", None),  # 12
    (T + 9, "RETWEET", "higgs_1", 12),
]


def events_of(content: str, *, active: bool = False, limit: int | None = None) -> list[Event]:
    plan = HiggsPlan(read_higgs(content.encode(), limit), Audience("higgs", active))
    steps = list(plan.steps())
    assert len(steps) == plan.total_steps
    return [event for step in steps for event in step]


def told(events: list[Event]) -> list[tuple[int, str, str, int | None]]:
    """Return time, kind, author's name and the place of what is referred to."""
    names = {event.user_id: event.username for event in events if isinstance(event, AccountRegistered)}
    places: dict[int | None, int | None] = {None: None}
    rows: list[tuple[int, str, str, int | None]] = []
    for event in (event for event in events if isinstance(event, TweetPosted | Retweeted)):
        places[event.tweet_id] = len(rows)
        of = event.original_id if isinstance(event, Retweeted) else event.reply_to_tweet_id
        kind = "RETWEET" if isinstance(event, Retweeted) else "REPLY" if of else "TWEET"
        rows.append((event.envelope.occurred_at_ms // 1000, kind, names[event.author_id], places[of]))
    return rows


def test_the_rows_of_a_file_made_by_hand_lead_to_what_was_worked_out_by_hand() -> None:
    assert told(events_of(HAND_MADE)) == BY_HAND


def test_the_naive_recomputation_agrees_with_the_hand() -> None:
    rows = [line.split() for line in HAND_MADE.splitlines()]
    naive = NaiveHiggs([(int(a), int(b), int(t), kind) for a, b, t, kind in rows])
    assert [(it.time, it.kind, f"higgs_{it.author}", it.of) for it in naive.entries] == BY_HAND
    assert naive.home(4, 10) == [
        Entry(12, T + 9, "TWEET", 4),
        Entry(11, T + 4, "RETWEET", 3, 10, 1),
        Entry(9, T + 4, "RETWEET", 3, 0, 1),
        Entry(8, T + 4, "RETWEET", 3, 2, 1),
        Entry(5, T + 2, "RETWEET", 4, 4, 3),
    ]


def test_accounts_and_distinct_follows_come_before_the_first_row() -> None:
    events = events_of(HAND_MADE)
    names = [event.username for event in events if isinstance(event, AccountRegistered)]
    ids = {event.username: event.user_id for event in events if isinstance(event, AccountRegistered)}
    follows = [(event.user_id, event.target_id) for event in events if isinstance(event, Followed)]
    assert names == [f"higgs_{number}" for number in (1, 2, 3, 4, 5)]
    assert follows == [(ids[f"higgs_{a}"], ids[f"higgs_{b}"]) for a, b in [(1, 2), (2, 1), (3, 1), (4, 3), (1, 4)]]
    first_row = next(at for at, event in enumerate(events) if isinstance(event, TweetPosted))
    assert first_row == len(names) + len(follows)
    assert all(event.envelope.occurred_at_ms < T * 1000 for event in events[:first_row])


def test_active_accounts_sign_in_right_after_they_are_registered() -> None:
    events = events_of(HAND_MADE, active=True)
    signed_in = [event.user_id for event in events if isinstance(event, SignedIn)]
    assert signed_in == [event.user_id for event in events if isinstance(event, AccountRegistered)]


def test_replies_stand_in_the_conversation_of_their_parent() -> None:
    posted = [event for event in events_of(HAND_MADE) if isinstance(event, TweetPosted)]
    conversations = {event.tweet_id: event.conversation_id for event in posted}
    for event in posted:
        parent = event.reply_to_tweet_id
        assert event.conversation_id == (conversations[parent] if parent else event.tweet_id)


_ROWS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 3), st.sampled_from(["RT", "MT", "RE"])), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(_ROWS)
def test_any_file_leads_to_what_the_naive_recomputation_says(rows: list[tuple[int, int, int, str]]) -> None:
    rows = sorted(((a, b, T + t, kind) for a, b, t, kind in rows), key=lambda row: row[2])
    events = events_of("".join(f"{a} {b} {t} {kind}\n" for a, b, t, kind in rows))
    naive = NaiveHiggs(rows)
    assert told(events) == [(it.time, it.kind, f"higgs_{it.author}", it.of) for it in naive.entries]
    assert len([event for event in events if isinstance(event, AccountRegistered)]) == len(naive.accounts)
    assert len([event for event in events if isinstance(event, Followed)]) == len(naive.follows)


@settings(max_examples=100, deadline=None)
@given(_ROWS)
def test_ids_rise_and_the_commands_rules_hold(rows: list[tuple[int, int, int, str]]) -> None:
    rows = sorted(((a, b, T + t, kind) for a, b, t, kind in rows), key=lambda row: row[2])
    events = events_of("".join(f"{a} {b} {t} {kind}\n" for a, b, t, kind in rows), active=True)
    assert all(before.envelope.event_id < after.envelope.event_id for before, after in pairwise(events))
    claims = [claim.key for event in events for claim in claims_of(event)]
    assert len(claims) == len(set(claims))
    for event in events:
        check(event)


def test_a_limit_takes_the_first_rows_and_only_their_accounts() -> None:
    names = [event.username for event in events_of(HAND_MADE, limit=2) if isinstance(event, AccountRegistered)]
    assert names == ["higgs_1", "higgs_2"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"1 2 {T}", "line 2: 3 columns, 4 expected"),
        (f"1 2 {T} XX", "line 2: 'XX' is none of RT, MT, RE"),
        (f"1 x {T} RT", "line 2: 'x' is no number"),
        (f"1 -2 {T} RT", "line 2: '-2' is no number"),
        ("1 2 17 RT", "line 2: 17 is no unix time"),
        (f"1 2 {T - 1} RT", "line 2: its time .* is before the line above"),
        (f"1 {'9' * 19} {T} RT", "line 2: '9+' is no number"),
    ],
)
def test_a_malformed_line_is_named(line: str, problem: str) -> None:
    with pytest.raises(ImportFileError, match=problem):
        read_higgs(f"1 2 {T} RT\n{line}\n".encode(), None)
