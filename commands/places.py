"""Where authors say to be: their hashtags count there. Each post with a hashtag asks, so servers are asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.loading import Loading
from infra.places import WORLD, place_of
from infra.projections import StoreUnavailableError
from infra.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future
    from typing import Any

    from infra.sources import Source
    from projections.accounts.read_model import AccountsReader

AUTHORS_KEPT = 100_000  # some 10 MB


def places_of(accounts: AccountsReader, author_ids: Collection[int]) -> dict[int, int]:
    """Return the places (woeids) of accounts; the world while one is not projected yet."""
    found = accounts.many(author_ids)
    located = {it.user_id: place_of(it.location) for it in found.values() if it.location}
    return dict.fromkeys(author_ids, WORLD) | located


class KeptPlaces:
    """Has them, or reads them: kept until the store says that the account came or was edited (see infra.progress)."""

    def __init__(self, source: Source[AccountsReader], wait: Callable[[Future[Any]], Any]) -> None:
        self._source = source
        self._reader = source.reader
        self._loading: Loading[int] = Loading(Recent(AUTHORS_KEPT), self._read, wait)
        self.rely = self._loading.rely
        self.followers = self._loading.followers

    def of(self, author_ids: Collection[int]) -> dict[int, int]:
        """Return the places of accounts."""
        self._source.look()
        return self._loading.load(author_ids)

    def refresh(self) -> None:
        """Forget those of the accounts that came or were edited; of another generation, all."""
        reader = self._source.reader
        if reader is not self._reader:
            self._reader = reader
            self._loading.rely(told=False)
        if reader is not None:
            self._loading.drop(reader.changed())

    def _read(self, author_ids: list[int]) -> dict[int, int]:
        if self._source.reader is None:
            raise StoreUnavailableError(f"accounts: {self._source.reason}")
        return places_of(self._source.reader, author_ids)
