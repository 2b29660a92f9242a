"""What moderation commands must know before they are decided, from the read models and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands import claims
from commands.errors import CommandRefusedError
from commands.moderation.found import CaseFound, Subject
from commands.tweets.lookups import reference
from projections.accounts.read_model import ADMIN, MODERATOR, SUSPENDED
from projections.moderation.read_model import OPEN, Case
from schemas.moderation.events import ACCOUNT, TWEET

if TYPE_CHECKING:
    from commands.moderation.command import FileReport
    from commands.services import Services


async def for_report(services: Services, command: FileReport, reporter_id: int) -> Subject:
    """Look up what is reported (a retweet's original), and that the account has not reported it yet."""
    if command.tweet_id:
        tweet = (await reference(services, reporter_id, command.tweet_id)).tweet
        subject = Subject(tweet.tweet_id, TWEET, tweet.author_id)
    else:
        found = services.views.accounts.many([command.account_id])
        if not found and await services.views.accounts_fresh(command.account_id):
            found = services.views.accounts.many([command.account_id])
        if not found or command.account_id in services.views.standings.gone:
            raise CommandRefusedError("user_not_found")
        subject = Subject(command.account_id, ACCOUNT, command.account_id)
    if services.journal.owner(claims.report_key(subject.subject_id, reporter_id)) is not None:
        raise CommandRefusedError("already_reported")
    return subject


def check_moderator(services: Services, user_id: int) -> str:
    """Return the role, as it stands now, of who moderates; refuses who does not."""
    role = services.views.standings.of(user_id).role
    if role not in {MODERATOR, ADMIN}:
        raise CommandRefusedError("not_a_moderator")
    return role


async def for_case(services: Services, subject_id: int, moderator_id: int) -> CaseFound:
    """Look up a case for a moderator."""
    role = check_moderator(services, moderator_id)
    case = await case_of(services, subject_id)
    if case is None or not case.subject_kind:
        case = await _opened(services, subject_id, case)
    holder = services.journal.owner(claims.case_key(subject_id))
    return CaseFound(case, holder, role, services.views.standings.of(case.owner_id).role)


async def _opened(services: Services, subject_id: int, case: Case | None) -> Case:
    """Return the case of a tweet or an account that nobody has reported: a moderator may look at whatever there is."""
    tweet = services.views.tweets.many([subject_id]).get(subject_id)
    if tweet is not None:
        subject = Subject(subject_id, TWEET, tweet.author_id)
    elif subject_id in services.views.accounts.many([subject_id]):
        subject = Subject(subject_id, ACCOUNT, subject_id)
    else:
        raise CommandRefusedError("case_not_found")
    return (case or Case(*subject, OPEN, 0))._replace(subject_kind=subject.kind, owner_id=subject.owner_id)


async def decided_about(services: Services, user_id: int) -> int:
    """Return the case for which an account is suspended, which may be about a tweet of its own; else its own."""
    account = await services.views.account(user_id)
    if account is None or account.standing.status_at(services.clock.now_ms()) != SUSPENDED:
        return user_id
    return account.suspended_case or user_id


async def case_of(services: Services, subject_id: int) -> Case | None:
    """Return a case, all that was said about it considered."""
    await services.views.moderation_fresh(subject_id)
    return services.views.moderation.cases([subject_id]).get(subject_id)
