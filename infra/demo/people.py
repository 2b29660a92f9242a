"""Who lives in the demo: names and profiles, the same ones for the same seed."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from infra.demo.words import ANIMALS, MOODS, PLACES, TOPICS

if TYPE_CHECKING:
    from random import Random

MOST_PEOPLE = len(MOODS) * len(ANIMALS)


class Person(NamedTuple):
    """A profile."""

    username: str
    display_name: str
    bio: str
    location: str


def people(dice: Random, count: int) -> list[Person]:
    """Return different people, at most MOST_PEOPLE."""
    names = list(product(MOODS, ANIMALS))
    dice.shuffle(names)
    return [_person(dice, mood, animal) for mood, animal in names[:count]]


def _person(dice: Random, mood: str, animal: str) -> Person:
    first, second = dice.sample(sorted(TOPICS), 2)
    bio = f"Fond of {first} and {second}. Generated for the demo."
    return Person(f"{mood}_{animal}", f"{mood.title()} {animal.title()}", bio, dice.choice(PLACES))
