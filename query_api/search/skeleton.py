"""Skeleton: what a query asks of the index, with the accounts that it names looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.search.read_model import By, Criteria, Mentions, To
from query_api.search.grammar import Named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.accounts.read_model import AccountsReader
    from projections.search import read_model
    from query_api.search.grammar import Atom, Parsed

_RELATIONS: dict[str, type[By | To | Mentions]] = {"from": By, "to": To, "@": Mentions}


def criteria(parsed: Parsed, accounts: AccountsReader) -> Criteria | None:
    """Return the criteria, or None where nothing can be found: an account is asked for that is not there."""
    names = {atom.name for atom in (*parsed.required, *parsed.excluded) if isinstance(atom, Named)}
    ids = accounts.ids_by_username(names) if names else {}
    required = _resolved(parsed.required, ids)
    if len(required) < len(parsed.required):
        return None
    return Criteria(tuple(required), tuple(_resolved(parsed.excluded, ids)), parsed.since_id, parsed.until_id)


def _resolved(atoms: Sequence[Atom], ids: Mapping[str, int]) -> list[read_model.Atom]:
    """Return the atoms without those that name an account that is not there."""
    found: list[read_model.Atom] = []
    for atom in atoms:
        if not isinstance(atom, Named):
            found.append(atom)
        elif atom.name in ids:
            found.append(_RELATIONS[atom.relation](ids[atom.name]))
    return found
