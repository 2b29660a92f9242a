"""Random histories as commands would let them pass: nothing is begun twice, ended unbegun, or answered when gone."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from infra.log.port import TopicPartition
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
from schemas.codec import topic_and_key
from schemas.engagements.events import Bookmarked, Liked, Unbookmarked, Unliked
from schemas.envelope import Envelope
from schemas.follows.events import Blocked, Followed, Muted, Unblocked, Unfollowed, Unmuted
from schemas.ids import first_id_at
from schemas.media.events import MediaCollected, MediaDescribed, MediaFailed
from schemas.media.paths import path_of
from schemas.notifications.events import NotificationsRead, NotificationsSwitched
from schemas.tweets.events import Attachment, Mention, Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from tests.builders import EPOCH_MS, attachment, ready, uploaded
from tests.moderation_steps import moderated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.envelope import Event

USERS = range(1, 6)
PARTITIONS = 3
VIDEO = 2
TAGS = ("Tea", "tea", "milk")
LONDON, LEEDS, BRITAIN = 44418, 26042, 23424975
PLACES = (LONDON, LEEDS, BRITAIN, 1)

Log = dict[TopicPartition, list["Event"]]

# What is begun and ended between an account and a target: an account, or a tweet with its author.
RELATIONS: dict[str, tuple[type[Followed | Blocked | Muted], type[Unfollowed | Unblocked | Unmuted]]] = {
    "follow": (Followed, Unfollowed),
    "block": (Blocked, Unblocked),
    "mute": (Muted, Unmuted),
}
MARKS: dict[str, tuple[type[Liked | Bookmarked], type[Unliked | Unbookmarked]]] = {
    "like": (Liked, Unliked),
    "bookmark": (Bookmarked, Unbookmarked),
}


class Step(NamedTuple):
    """One step of a history; `other` is reduced to what exists at that point."""

    verb: str
    user: int
    other: int
    pause_ms: int


VERBS = (
    *("post", "post", "reply", "reply", "quote", "reply and quote", "retweet", "retweet", "undo", "delete"),
    *(
        "edit",
        "decide",
        "sign in",
        *RELATIONS,
        "follow",
        *MARKS,
        "like",
        "read",
        "switch",
        "upload",
        "settle",
        "moderate",
        "moderate",
    ),
)
steps = st.builds(
    Step, st.sampled_from(VERBS), st.sampled_from(USERS), st.integers(0, 30), st.sampled_from((0, 0, 1, 1000))
)
histories = st.lists(steps, max_size=60).map(lambda chosen: World().play(chosen))


class World:
    """What stands so far; a relation or mark that stands is ended by the step that would begin it."""

    def __init__(self) -> None:
        self.now = EPOCH_MS
        self.serial = 0
        self.tweets: dict[int, TweetPosted] = {}
        self.retweets: dict[int, Retweeted] = {}
        self.begun: set[tuple[str, int, int]] = set()
        self.sent: list[tuple[int, int]] = []
        self.ready: dict[int, list[int]] = defaultdict(list)
        self.events: list[Event] = []

    def play(self, chosen: Iterable[Step]) -> list[Event]:
        """Return the events of a history in which every user registers first."""
        for user in USERS:
            self.events.append(AccountRegistered(self._envelope(user), user, f"User_{user}", f"User {user}"))
        for step in chosen:
            self.now += step.pause_ms
            {"upload": self._upload, "settle": self._settle, "edit": self._edit}.get(step.verb, self._play)(step)
        return self.events

    def _play(self, step: Step) -> None:
        picked = list(self.tweets.values())[-1 - step.other % len(self.tweets)] if self.tweets else None
        match step.verb:
            case "decide":
                self._decide(step)
            case "sign in":
                self.events.append(SignedIn(self._envelope(step.user), step.user))
            case "read":
                self.events.append(NotificationsRead(self._envelope(step.user), step.user, self.now - step.other))
            case "switch":
                words = ["like"] if step.other % 2 else ["like", "follow"]
                wanted = dict.fromkeys(words, not step.other % 3)
                self.events.append(NotificationsSwitched(self._envelope(step.user), step.user, wanted))
            case "follow" | "block" | "mute" if (target := USERS[step.other % len(USERS)]) != step.user:
                self._relate(step.verb, step.user, target)
            case "post":
                self._post(step.user, None, None, self._attached(step.user) if step.other % 3 == 0 else [])
            case "undo" if self.retweets:
                self._undo(list(self.retweets.values())[step.other % len(self.retweets)])
            case "moderate" if picked:
                self.events += moderated(step.user, step.other, picked, self._envelope)
            case _ if picked:
                self._answer(step, picked)

    def _edit(self, step: Step) -> None:
        field = ("display_name", "bio", "location", "profile_image_url", "banner_image_url")[step.other % 5]
        text: Any = f"{field} {step.other}"
        if field.endswith("_url") and self.ready[step.user]:
            text = path_of(media_id := self.ready[step.user].pop(), f"{media_id:064x}.jpg")
        self.events.append(ProfileEdited(self._envelope(step.user), step.user, **{field: text}))

    def _upload(self, step: Step) -> None:
        """Send an image or a video; its owner may say later what is to be seen in it."""
        sent = uploaded(step.user, self._new_id(), "a bird" if step.other % 2 else "")
        self.events.append(replace(sent, envelope=self._envelope(step.user)))
        self.sent.append((step.user, sent.media_id))
        if step.other % 4 == 0:
            self.events.append(MediaDescribed(self._envelope(step.user), sent.media_id, step.user, "two birds"))

    def _settle(self, step: Step) -> None:
        """What was sent is ready, cannot be decoded, or is not wanted any more."""
        if not self.sent:
            return
        owner, media_id = self.sent.pop(step.other % len(self.sent))
        of = self._envelope(0), media_id, owner
        match step.other % 5:
            case 0:
                self.events.append(MediaFailed(*of, "not_decodable"))
            case 1:
                self.events.append(MediaCollected(*of, ("unattached", "erased")[step.user % 2]))
            case found:
                kind = "video" if found == VIDEO else "image"
                self.events.append(replace(ready(owner, media_id, kind), envelope=of[0]))
                self.ready[owner].append(media_id)

    def _attached(self, user: int) -> list[Attachment]:
        return [attachment(self.ready[user].pop()) for _ in self.ready[user][:2]]

    def _decide(self, step: Step) -> None:
        by = self._envelope(0)
        decisions: tuple[Event, ...] = (
            AccountSuspended(by, step.user, (step.other % 2) * (self.now + step.other)),
            AccountRestored(by, step.user),
            AccountDeactivated(by, step.user, self.now),
            AccountReactivated(by, step.user),
            AccountErased(by, step.user),
            VerifiedChanged(by, step.user, verified=step.other % 2 > 0),
            RoleChanged(by, step.user, ("user", "moderator", "admin")[step.other % 3]),
            ReachChanged(by, step.user, limited=step.other % 2 > 0),
        )
        decided = decisions[step.other % len(decisions)]
        if ("erase", step.user, 0) not in self.begun:  # what is erased is decided about no more
            self.events.append(decided)
        if isinstance(decided, AccountErased):
            self.begun.add(("erase", step.user, 0))

    def _answer(self, step: Step, picked: TweetPosted) -> None:
        match step.verb:
            case "reply":
                self._post(step.user, picked, None)
            case "quote":
                self._post(step.user, None, picked)
            case "reply and quote":
                self._post(step.user, picked, next(iter(self.tweets.values())))
            case "retweet":
                self._retweet(step.user, picked)
            case "delete":
                self._delete(picked)
            case "like" | "bookmark":
                begin, end = MARKS[step.verb]
                event = end if self._toggles(step.verb, step.user, picked.tweet_id) else begin
                self.events.append(event(self._envelope(step.user), picked.tweet_id, picked.author_id, step.user))

    def _relate(self, verb: str, user: int, target: int) -> None:
        begin, end = RELATIONS[verb]
        event = end if self._toggles(verb, user, target) else begin
        self.events.append(event(self._envelope(user), user, target))
        if event is Blocked:
            for one, other in ((user, target), (target, user)):
                if ("follow", one, other) in self.begun:
                    self._relate("follow", one, other)

    def _toggles(self, *what: str | int) -> bool:
        """Return whether the relation stood, and turn it."""
        stood = what in self.begun
        self.begun ^= {what}  # type: ignore[arg-type]  # verb, account, target
        return stood

    def _post(
        self,
        user: int,
        parent: TweetPosted | None,
        quoted: TweetPosted | None,
        media: Sequence[Attachment] = (),
    ) -> None:
        new_id = self._new_id()
        event = TweetPosted(
            self._envelope(user),
            new_id,
            user,
            f'words "{self.serial}" \N{BIRD}',
            conversation_id=parent.conversation_id if parent else new_id,
            reply_to_tweet_id=parent.tweet_id if parent else None,
            reply_to_author_id=parent.author_id if parent else None,
            quoted_tweet_id=quoted.tweet_id if quoted else None,
            quoted_author_id=quoted.author_id if quoted else None,
            mentions=[Mention(parent.author_id, f"User_{parent.author_id}")] if parent else [],
            hashtags=[TAGS[new_id % 3], TAGS[new_id % 2]] if new_id % 5 else [],
            place=PLACES[new_id % len(PLACES)],
            media_ids=[it.media_id for it in media],
            media=list(media),
        )
        self.tweets[new_id] = event
        self.events.append(event)

    def _delete(self, tweet: TweetPosted) -> None:
        del self.tweets[tweet.tweet_id]
        ids = (tweet.tweet_id, tweet.author_id, tweet.reply_to_tweet_id, tweet.quoted_tweet_id)
        self.events.append(TweetDeleted(self._envelope(tweet.author_id), *ids))

    def _retweet(self, user: int, tweet: TweetPosted) -> None:
        if not self._toggles("retweet", user, tweet.tweet_id):
            new_id = self._new_id()
            self.retweets[new_id] = Retweeted(self._envelope(user), new_id, user, tweet.tweet_id, tweet.author_id)
            self.events.append(self.retweets[new_id])
        else:
            standing = (it for it in self.retweets.values() if (it.author_id, it.original_id) == (user, tweet.tweet_id))
            self.begun.add(("retweet", user, tweet.tweet_id))
            self._undo(next(standing))

    def _undo(self, retweet: Retweeted) -> None:
        del self.retweets[retweet.tweet_id]
        self.begun.discard(("retweet", retweet.author_id, retweet.original_id))
        ids = (retweet.tweet_id, retweet.author_id, retweet.original_id, retweet.original_author_id)
        self.events.append(RetweetUndone(self._envelope(retweet.author_id), *ids))

    def _envelope(self, actor: int) -> Envelope:
        return Envelope(self._new_id(), self.now, actor)

    def _new_id(self) -> int:
        self.serial += 1
        return first_id_at(self.now) + self.serial


def log_of(events: Sequence[Event], topics: Sequence[str]) -> Log:
    """Return the partitions of the topics, each in the history's order."""
    log: Log = defaultdict(list)
    for event in events:
        topic, key = topic_and_key(event)
        if topic in topics:
            log[TopicPartition(topic, key % PARTITIONS)].append(event)
    return log
