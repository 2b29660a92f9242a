"""What can be found of random histories: all that a search can be asked about their users and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections.search.read_model import By, Criteria, Mentions, Phrase, To
from tests.histories import USERS

if TYPE_CHECKING:
    from projections.search.read_model import Atom, SearchReader

WORDS = ("words", "0", "1", "2", "3", "5", "8", "13")
BEGINNINGS = ("u", "user", "user_1", "display", "name", "5", "1")


def found(reader: SearchReader) -> dict[str, Any]:
    """Return the answers to all questions."""
    atoms: list[Atom] = [kind(user) for user in USERS for kind in (By, To, Mentions)]
    atoms += [Phrase((word,)) for word in WORDS] + [Phrase(("words", word)) for word in WORDS]
    tweets = {str(atom): reader.tweets(Criteria((atom,)), None, 1000) for atom in atoms}
    people = {word: reader.people([word], 1000) for word in BEGINNINGS}
    return {"all": reader.tweets(Criteria(), None, 1000), "tweets": tweets, "people": people}
