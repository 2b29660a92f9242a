"""Puts the address of a CDN in front of the paths of media, where one is set: in what is read, before it is kept.

What is stored says a path without a host, so another address needs no rebuild. In a text the quotes around a name are
escaped, so what is replaced in a tweet's body stands where URLs of ours stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.media.paths import FILES

if TYPE_CHECKING:
    from collections.abc import Collection

    from projections.accounts.read_model import Account, AccountsReader
    from projections.tweets.read_model import Tweet, TweetsReader

_BEFORE = f'"url":"{FILES}'.encode()


class Located:
    """An address; empty: everything stays as it is."""

    def __init__(self, media_url: str = "") -> None:
        self._url = media_url
        self._after = f'"url":"{media_url}{FILES}'.encode()

    def tweet(self, tweet: Tweet) -> Tweet:
        """Return the tweet with the addresses of its media."""
        if not self._url or _BEFORE not in tweet.body:
            return tweet
        return tweet._replace(body=tweet.body.replace(_BEFORE, self._after))

    def account(self, account: Account) -> Account:
        """Return the profile with the addresses of its pictures."""
        picture, banner = (self.path(it) for it in (account.profile_image_url, account.banner_image_url))
        return account._replace(profile_image_url=picture, banner_image_url=banner)

    def path(self, url: str) -> str:
        """Return the address of one of our paths; any other address as it is."""
        return f"{self._url}{url}" if url.startswith(FILES) else url

    def body(self, body: bytes) -> bytes:
        """Return an object with the addresses in it."""
        return body.replace(_BEFORE, self._after) if self._url else body

    def tweets(self, reader: TweetsReader) -> TweetsReader:
        """Return the reader, which then tells addresses."""
        return _Tweets(reader, self) if self._url else reader

    def accounts(self, reader: AccountsReader) -> AccountsReader:
        """Return the reader, which then tells addresses."""
        return _Accounts(reader, self) if self._url else reader


class _PassingOn:
    def __init__(self, reader: Any, located: Located) -> None:
        self._reader = reader
        self._located = located

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _Tweets(_PassingOn):
    def many(self, tweet_ids: Collection[int]) -> dict[int, Tweet]:
        return {number: self._located.tweet(it) for number, it in self._reader.many(tweet_ids).items()}


class _Accounts(_PassingOn):
    def many(self, user_ids: Collection[int]) -> dict[int, Account]:
        return {number: self._located.account(it) for number, it in self._reader.many(user_ids).items()}
