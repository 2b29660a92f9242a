"""Decides about accounts: what may be registered and edited, and what happened then. Pure."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from commands import claims
from commands.accounts.answer import UserAnswer
from commands.decision import Concern, Decision
from commands.errors import CommandRefusedError
from commands.media.handler import check_picture, profile_url
from infra.clock import rfc3339
from schemas.accounts.events import AccountRegistered, ProfileEdited, SignedIn
from schemas.catalogue import ACCOUNTS
from schemas.ids import to_uuid
from schemas.media.paths import media_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commands.accounts.command import EditProfile, Register
    from commands.decision import Stamp
    from commands.media.found import MediaFound
    from projections.accounts.read_model import Account
    from projections.media.read_model import Media

MAX_EMAIL_CHARS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
MAX_URL_CHARS = 2048
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 256
DAY_MS = 86_400_000
LIMITS = {"display_name": 100, "bio": 160, "location": 100}
URLS = ("profile_image_url", "banner_image_url")
URL_OF = {"profile_image_id": "profile_image_url", "banner_image_id": "banner_image_url"}
NO_PICTURES: Mapping[str, MediaFound] = MappingProxyType({})

_USERNAME = re.compile(r"[A-Za-z0-9_]{1,50}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+")
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f]+")
_INVALID = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")


def check_register(command: Register, password: str) -> None:
    """Refuse a name, an address, a profile or a password that cannot be."""
    if not _USERNAME.fullmatch(command.username):
        raise CommandRefusedError("username_invalid", param="username")
    if command.email and (len(command.email) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(command.email)):
        raise CommandRefusedError("email_invalid", param="email")
    check_password(password, "password")
    _check_texts({"display_name": command.display_name, "bio": command.bio, "location": command.location})


def check_password(password: str, param: str) -> None:
    """Refuse a password that cannot be."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise CommandRefusedError("password_invalid", param=param)


def _check_texts(texts: dict[str, str | None]) -> None:
    for name, text in texts.items():
        if text and (len(text) > LIMITS[name] or _INVALID.search(text)):
            detail = f"{name} has at most {LIMITS[name]} characters and no control characters."
            raise CommandRefusedError("profile_invalid", detail, name)


def normalised_email(email: str) -> str:
    """Return the form in which an address is unique."""
    return email.strip().casefold()


def register(command: Register, user_id: int, sealed_email: bytes, email_digest: str, stamp: Stamp) -> Decision:
    """Open a checked account; `email_digest` is empty where no address was given."""
    registered = AccountRegistered(
        stamp.envelope(),
        user_id,
        command.username,
        command.display_name or command.username,
        sealed_email,
        command.bio,
        command.location,
    )
    names = [claims.username(command.username, user_id)]
    if email_digest:
        names.append(claims.email(email_digest, user_id))
    answer = UserAnswer(
        user_id=to_uuid(user_id),
        username=registered.username,
        display_name=registered.display_name,
        bio=registered.bio,
        location=registered.location,
        profile_image_url="",
        banner_image_url="",
        verified=False,
        status="ACTIVE",
        created_at=rfc3339(stamp.now_ms),
    )
    return Decision(answer, (registered, SignedIn(stamp.envelope(), user_id)), tuple(names), status=201)


def refusal_of_claim(key: str) -> CommandRefusedError:
    """Return why a registration whose claim is held by another is refused."""
    if key.startswith("email:"):
        return CommandRefusedError("email_taken", param="email")
    return CommandRefusedError("username_taken", param="username")


def day_of(now_ms: int) -> int:
    """Return the day, since 1970 in UTC, on which at most one SignedIn is said."""
    return now_ms // DAY_MS


def check_edit_profile(command: EditProfile) -> None:
    """Refuse a profile that cannot be."""
    _check_texts({"display_name": command.display_name, "bio": command.bio, "location": command.location})
    for name in URLS:
        url: str | None = getattr(command, name)
        if url and (len(url) > MAX_URL_CHARS or not _URL.fullmatch(url)):
            raise CommandRefusedError("profile_invalid", f"{name} is no http(s) URL, or too long.", name)
    for name, url_name in URL_OF.items():
        if getattr(command, name) is not None and getattr(command, url_name) is not None:
            raise CommandRefusedError("profile_invalid", f"{name} and {url_name} exclude each other.", name)


def edit_profile(
    command: EditProfile,
    account: Account,
    stamp: Stamp,
    *,
    certain: bool,
    pictures: Mapping[str, MediaFound] = NO_PICTURES,
) -> Decision:
    """Change what differs; an empty display name becomes the username again. `pictures`: what its ids name."""
    wanted = {name: getattr(command, name) for name in (*LIMITS, *URLS)}
    shown = _pictures(pictures, account)
    wanted |= {URL_OF[name]: profile_url(media, name) for name, media in shown.items()}
    if wanted["display_name"] == "":
        wanted["display_name"] = account.username
    changed = {
        name: text
        for name, text in wanted.items()
        if text is not None and not (certain and text == getattr(account, name))
    }
    answer = user_answer(account._replace(**changed))
    if not changed:
        return Decision(answer, concerns=(Concern(ACCOUNTS, command.user_id),))
    names = tuple(claims.media(media.media_id, command.user_id) for media in shown.values())
    return Decision(answer, (ProfileEdited(stamp.envelope(), command.user_id, **changed),), names)


def _pictures(found: Mapping[str, MediaFound], account: Account) -> dict[str, Media]:
    """Return what is to be shown and is not yet; refuses what cannot be."""
    new = {}
    for name, picture in found.items():
        if picture.media is None or picture.media.media_id != media_id_of(getattr(account, URL_OF[name])):
            new[name] = check_picture(picture, name)
    return new


def user_answer(account: Account) -> UserAnswer:
    """Return the account as its owner is told."""
    return UserAnswer(
        user_id=to_uuid(account.user_id),
        username=account.username,
        display_name=account.display_name,
        bio=account.bio,
        location=account.location,
        profile_image_url=account.profile_image_url,
        banner_image_url=account.banner_image_url,
        verified=account.verified,
        status=account.status,
        created_at=rfc3339(account.created_at_ms),
    )
